"""docs/picture.png: the catalogue of the README as timelines. `python -m docs.make_picture [CATALOGUE OUT_PNG]`

A row a video: frames of it, and below them its clips, coloured and lettered by their flow. A triangle is a hard cut, a
hatched span a gradual one. The clips that the selection lvd2m keeps are outlined.
"""

from __future__ import annotations

import argparse
import io
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from docs.pages import make_home
from engine.catalogue import Catalogue
from media.sample import sample
from schemas.spans import US

SELECTION = "lvd2m"
NUM_VIDEOS = 7
THUMB_TOP, THUMB_BOTTOM = 0.46, -0.14  # a row is 1 high, its middle at 0; rows grow upwards
BAR_TOP, BAR_BOTTOM = -0.17, -0.42
GAP_S = 0.04
COLOURS = 160
FLOWS = Normalize(0, 0.1)
CLIPS = """
    select c.video_key, c.uri, c.video_duration_us, c.display_width, c.display_height, c.start_us, c.end_us,
        c.flow_diag_per_s, list_contains(c.selections, ?) as is_kept
    from clip c
    order by max(list_contains(c.selections, ?)::int) over (partition by video_id) desc,
        count(*) over (partition by video_id) desc, c.video_key, c.start_us
"""
CUTS = (
    "select v.video_key, c.start_us, c.end_us from cuts c join videos v using (video_id) where kind <> 'flash_rejected'"
)


@dataclass(frozen=True)
class Clip:
    start_s: float
    end_s: float
    flow: float | None
    is_kept: bool


@dataclass(frozen=True)
class Video:
    name: str
    source: str
    seconds: float
    width_over_height: float
    clips: list[Clip]
    cuts: list[tuple[float, float]]


def read(catalogue: Catalogue) -> list[Video]:
    """Videos with their clips: those with kept clips first, then the most cut up."""
    videos = dict[str, Video]()
    with catalogue.connect() as connection:
        rows = connection.execute(CLIPS, [SELECTION, SELECTION]).fetchall()
        cuts = connection.execute(CUTS).fetchall()
    for key, uri, duration_us, width, height, start_us, end_us, flow, is_kept in rows:
        new = Video(key, catalogue.resolve_uri(uri), duration_us / US, width / height, [], [])
        videos.setdefault(key, new).clips.append(Clip(start_us / US, end_us / US, flow, is_kept))
    for key, start_us, end_us in cuts:
        videos[key].cuts.append((start_us / US, end_us / US))
    return list(videos.values())


def draw(videos: Sequence[Video]) -> Figure:
    """All videos under each other on one scale of time."""
    figure, axes = plt.subplots(figsize=(11, 0.86 * len(videos) + 0.9), dpi=100, layout="constrained")
    longest = max(video.seconds for video in videos)
    axes.set(xlim=(-0.05, longest + 0.15), ylim=(-0.5, len(videos) - 0.4), xlabel="seconds")
    width, height = figure.get_size_inches()
    inches_per_s, inches_per_row = 0.80 * width / longest, 0.84 * height / len(videos)
    for row, video in enumerate(reversed(videos)):
        thumb_s = (THUMB_TOP - THUMB_BOTTOM) * inches_per_row * video.width_over_height / inches_per_s
        _thumbnails(axes, video, row, thumb_s)
        for clip in video.clips:
            _bar(axes, clip, row)
        for start_s, end_s in video.cuts:
            _cut(axes, start_s, end_s, row)
    axes.set_yticks(range(len(videos)), [video.name for video in reversed(videos)])
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    scale = ScalarMappable(FLOWS, mpl.colormaps["viridis"])
    bar = figure.colorbar(scale, ax=axes, pad=0.01, aspect=35, extend="max")
    bar.set_label("flow_diag_per_s: mean motion, frame diagonals a second")
    return figure


def _thumbnails(axes: Axes, video: Video, row: int, thumb_s: float) -> None:
    """As many frames as fit, each from the middle of the time that it covers."""
    count = max(1, int(video.seconds / thumb_s))
    step = video.seconds / count
    frames = sample(video.source, [int((i + 0.5) * step * US) for i in range(count)], max_side=160).frames
    for i, frame in enumerate(frames):
        extent = (i * step, (i + 1) * step - GAP_S, row + THUMB_BOTTOM, row + THUMB_TOP)
        axes.imshow(_cropped(frame.bgr[..., ::-1], step / thumb_s), extent=extent, aspect="auto", zorder=1)


def _cropped(rgb: np.ndarray, stretch: float) -> np.ndarray:
    """The middle of a picture [H, W, 3] whose place is `stretch` times wider than it: rows go, nothing is squeezed."""
    keep = round(len(rgb) / max(1.0, stretch))
    top = (len(rgb) - keep) // 2
    return rgb[top : top + keep]


def _bar(axes: Axes, clip: Clip, row: int) -> None:
    seconds = clip.end_s - clip.start_s
    place = (clip.start_s, row + BAR_BOTTOM)
    colour = "white" if clip.flow is None else mpl.colormaps["viridis"](FLOWS(clip.flow))
    axes.add_patch(Rectangle(place, seconds, BAR_TOP - BAR_BOTTOM, facecolor=colour, edgecolor="white", lw=1.2))
    if clip.is_kept:
        axes.add_patch(
            Rectangle(place, seconds, THUMB_TOP - BAR_BOTTOM, facecolor="none", edgecolor="black", lw=2.2, zorder=3)
        )
    if seconds < 0.9 or clip.flow is None:
        return
    text = f"{clip.flow:.3f}" + (f"  kept by {SELECTION}" if clip.is_kept else "")
    ink = "black" if FLOWS(clip.flow) > 0.6 else "white"
    middle = row + (BAR_TOP + BAR_BOTTOM) / 2
    axes.text(clip.start_s + seconds / 2, middle, text, ha="center", va="center", color=ink, fontsize=8.5)


def _cut(axes: Axes, start_s: float, end_s: float, row: int) -> None:
    if start_s == end_s:
        axes.plot(start_s, row + BAR_TOP, "v", color="black", markersize=9, markeredgecolor="white", zorder=4)
        return
    place, high = (start_s, row + BAR_BOTTOM), BAR_TOP - BAR_BOTTOM
    axes.add_patch(Rectangle(place, end_s - start_s, high, facecolor="white", edgecolor="black", hatch="/////", lw=0.6))


def save(figure: Figure, out: Path) -> None:
    """As a PNG of few colours, a fraction of the size."""
    whole = io.BytesIO()
    figure.savefig(whole, format="png")
    image = (
        Image.open(whole).convert("RGB").quantize(COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    )
    image.save(out, optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m docs.make_picture", description=__doc__)
    parser.add_argument("catalogue", metavar="CATALOGUE", nargs="?")
    parser.add_argument("out", type=Path, nargs="?", default=Path(__file__).with_name("picture.png"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="longtake-docs-") as home:
        if options.catalogue is None:
            make_home(Path(home).resolve())
        opened = Catalogue.open(options.catalogue or str(Path(home).resolve() / "catalogue"))
        save(draw(read(opened)[:NUM_VIDEOS]), options.out)


if __name__ == "__main__":
    main()
