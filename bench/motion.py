"""Motion found beside motion true, through codecs, rates and sizes: `python -m bench.motion`.

Made worlds with fixed seeds are encoded as GRID says and measured by the scan's observer. For each world the ratio of
found to true is printed, median and worst over the grid. Beside them, on the same
files, what peers' ways of scoring motion say, each divided by its own median over the grid, for their units are their
own, and for how many files they say anything:

vectors    mean length of the codec's motion vectors, by the frame's height, as NeMo Curator and Cosmos Curator score
farneback  mean length of Farneback flow between frames half a second apart, pixels, as Data-Juicer scores

"""

from __future__ import annotations

import argparse
import math
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.codec.context import Flags2

from bench.measure import median, save
from curate.observers.motion import MotionObserver
from curate.passes import WORKING_SIDE
from media.stream import stream
from media.synthetic import Camera, Encoding, Motion, Scene, Texture, Truth, World, write
from media.synthetic.worlds import bouncing_shapes
from schemas.spans import Span

SECONDS = 4.0
BAR, LEAST = 0.05, 0.005
GRID = (
    ("libx264", 30, (640, 360)),
    ("libx264", 15, (426, 240)),
    ("libx264", 60, (1280, 720)),
    ("libx264", 25, (1920, 1080)),
    ("libx265", 30, (640, 360)),
    ("libx265", 24, (1280, 720)),
    ("libvpx-vp9", 30, (640, 360)),
    ("libvpx-vp9", 60, (426, 240)),
    ("libsvtav1", 30, (640, 360)),
    ("libsvtav1", 24, (426, 240)),
    ("mpeg4", 30, (426, 240)),
    ("mpeg4", 60, (640, 360)),
)
RATES = ("camera_pan", "camera_tilt", "camera_zoom", "camera_roll")


def worlds() -> dict[str, World]:
    """By name; those that are called a still are one picture under a moving camera."""

    def one(camera: Camera, texture: Texture, **more: Any) -> World:
        return World((Scene(texture, SECONDS, camera, **more),))

    small = tuple(replace(shape, size_diag=0.06) for shape in bouncing_shapes(11, 7, 0.4))
    return {
        "still, pan 0.1": one(Camera(0.1), Texture(seed=4)),
        "still, pan 0.03": one(Camera(0.03), Texture(seed=14)),
        "still, tilt -0.08": one(Camera(0, -0.08), Texture("city", seed=5)),
        "still, zoom 0.15": one(Camera(0, 0, 0.15), Texture(seed=3)),
        "still, roll 8": one(Camera(0, 0, 0, 8), Texture(seed=6)),
        "still, all four": one(Camera(0.07, 0.05, -0.1, -5), Texture(seed=7)),
        "still, by hand": one(Camera(0.05, shake_diag=0.003, shake_seed=8), Texture(seed=8)),
        "crossing shapes": one(Camera(), Texture("city", seed=6), shapes=bouncing_shapes(6, 4, 0.2)),
        "shapes and pan": one(Camera(0.06), Texture(seed=6), shapes=bouncing_shapes(6, 3, 0.15)),
        "small fast shapes": one(Camera(), Texture("city", seed=18), shapes=small),
        "slow shapes, shake": one(
            Camera(shake_diag=0.003, shake_seed=3), Texture(seed=17), shapes=bouncing_shapes(10, 4, 0.05)
        ),
    }


def ours(path: Path) -> dict[str, float]:
    """The motion columns of a whole file."""
    observer, last_us = MotionObserver(), 0
    for frame in stream(str(path), max_side=WORKING_SIDE, loop_filter="referenced"):
        observer.push(frame)
        last_us = frame.time_us
    columns = observer.measure(Span(0, last_us + 1))
    return {name: math.nan if value is None else value for name, value in columns.items()}


def vectors(path: Path) -> float:
    """Mean length of the decoder's exported motion vectors, weighted by the area of their blocks, in heights."""
    lengths, areas = 0.0, 0.0
    with av.open(str(path)) as container:
        container.streams.video[0].codec_context.flags2 |= Flags2.export_mvs
        for frame in container.decode(video=0):
            exported = frame.side_data.get("MOTION_VECTORS")
            if exported is None:
                continue
            blocks = exported.to_ndarray()  # pyright: ignore[reportAttributeAccessIssue]
            area = blocks["w"].astype(float) * blocks["h"]
            moved = np.hypot(blocks["motion_x"], blocks["motion_y"]) / np.maximum(blocks["motion_scale"], 1)
            lengths += float((moved * area).sum()) / frame.height
            areas += float(area.sum())
    return lengths / areas if areas else math.nan


def farneback(path: Path) -> float:
    """Mean length of Farneback flow, in pixels of the file, by the parameters of Data-Juicer's motion filter."""
    last, scores = None, list[float]()
    with av.open(str(path)) as container:
        step = max(1, round(float(container.streams.video[0].average_rate or 2) / 2))
        for number, frame in enumerate(container.decode(video=0)):
            if number % step:
                continue
            grey = frame.to_ndarray(format="gray")
            if last is not None:
                flow: Any = cv2.calcOpticalFlowFarneback(last, grey, None, 0.5, 3, 15, 3, 5, 1.2, 0)  # type: ignore[call-overload]
                scores.append(float(np.hypot(flow[..., 0], flow[..., 1]).mean()))
            last = grey
    return float(np.mean(scores))


def true_lvd(motion: Motion) -> float:
    """The true motion over half a second in pixels at 520x960, taken to be alike in all directions."""
    assert motion.flow_half_second_diag_per_s is not None
    return motion.flow_half_second_diag_per_s * 0.5 * math.hypot(960, 520)


def made(world: World, folder: Path, grid: Sequence[tuple[str, int, tuple[int, int]]]) -> Iterator[tuple[Path, Truth]]:
    """The world through each encoding of the grid; a file is gone when the next one is asked for."""
    for codec, fps, size in grid:
        encoding = Encoding(codec=codec, fps=fps, size=size)
        path = folder / f"world{encoding.file_suffix}"
        yield path, write(world, encoding, path)
        path.unlink()


def compared(
    world: World, folder: Path, grid: Sequence[Any], peers: dict[str, Callable[[Path], float]]
) -> dict[str, Any]:
    """For one world: found and true by column, a value an encoding, and the peers' scores."""
    rows: dict[str, list[float]] = {}
    truth: dict[str, float] = {}
    for path, told in made(world, folder, grid):
        motion = told.clips[0].motion
        assert motion is not None
        for name, value in ours(path).items():
            rows.setdefault(name, []).append(value)
        for name, score in peers.items():
            rows.setdefault(name, []).append(score(path))
        truth = {
            "flow_diag_per_s": motion.flow_diag_per_s,
            "camera_diag_per_s": motion.camera_flow_diag_per_s,
            "object_flow_diag_per_s": motion.object_flow_diag_per_s,
            "camera_pan": motion.camera_pan_diag_per_s,
            "camera_tilt": motion.camera_tilt_diag_per_s,
            "camera_zoom": motion.camera_zoom_per_s,
            "camera_roll": motion.camera_roll_deg_per_s,
            "flow_dis_lvd": true_lvd(motion),
        }
    return {"found": rows, "true": truth}


def ratios(result: dict[str, Any], name: str) -> list[float]:
    """Found by true; empty where the truth is so little that a ratio means nothing."""
    true = result["true"][name]
    return [found / true for found in result["found"][name]] if abs(true) > LEAST else []


def spread(values: Sequence[float]) -> str:
    """Median and the one that is furthest from 1."""
    if not values:
        return "-".rjust(13)
    return f"{median(values):.3f} ({max(values, key=lambda v: abs(v - 1)):.3f})".rjust(13)


def peers_spread(values: Sequence[float]) -> str:
    """Smallest and largest by the median of those that there are, and how many there are."""
    known = [value for value in values if not math.isnan(value)]
    if not known or median(known) == 0:
        return f"{len(known)} of {len(values)}".rjust(22)
    return f"{min(known) / median(known):.2f} to {max(known) / median(known):.2f}, {len(known)} of {len(values)}".rjust(
        22
    )


def report(results: dict[str, dict[str, Any]], peers: Sequence[str]) -> Iterator[str]:
    """The table: ratio to the truth, median and worst over the grid."""
    head = ("flow", "pan", "tilt", "zoom", "roll")
    yield f"{'':<20}" + "".join(f"{name:>14}" for name in (*head, "objects")) + "".join(f"{p:>23}" for p in peers)
    for world, result in results.items():
        cells = [spread(ratios(result, name)) for name in ("flow_diag_per_s", *RATES)]
        own = result["found"]["object_flow_diag_per_s"]
        if world.startswith("still"):
            share = [o / c for o, c in zip(own, result["found"]["camera_diag_per_s"], strict=True)]
            cells.append(f"{100 * max(share):.1f} %".rjust(13))
        else:
            cells.append(spread(ratios(result, "object_flow_diag_per_s")))
        cells += [peers_spread(result["found"][peer]) for peer in peers]
        yield f"{world:<20} " + " ".join(cells)


def lvd_report(results: dict[str, dict[str, Any]]) -> Iterator[str]:
    yield f"{'':<20}{'true pixels':>13}{'flow_dis_lvd by it':>20}"
    every = list[float]()
    for world, result in results.items():
        found = ratios(result, "flow_dis_lvd")
        every += found
        yield f"{world:<20}{result['true']['flow_dis_lvd']:>13.1f}{spread(found):>20}"
    off = [abs(ratio - 1) for ratio in every]
    yield f"{'all':<20}{'':>13}{spread(every):>20}"
    yield f"off by {100 * median(off):.0f} % in the median, {100 * max(off):.0f} % at worst"


def held(results: dict[str, dict[str, Any]]) -> str:
    """Which share of all ratios keeps the bars."""
    all_ratios = [
        r for result in results.values() for name in ("flow_diag_per_s", *RATES) for r in ratios(result, name)
    ]
    within = sum(abs(ratio - 1) <= BAR for ratio in all_ratios)
    return f"within {100 * BAR:.0f} % of the truth: {within} of {len(all_ratios)} values of flow, pan, tilt, zoom, roll"


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.motion", description=__doc__.splitlines()[0] if __doc__ else ""
    )
    parser.add_argument("--quick", action="store_true", help="three encodings instead of all")
    parser.add_argument("--no-peers", action="store_true", help="leave the peers out: Farneback takes the longest")
    arguments = parser.parse_args()
    grid = GRID[::5] if arguments.quick else GRID
    peers: dict[str, Callable[[Path], float]] = (
        {} if arguments.no_peers else {"vectors": vectors, "farneback": farneback}
    )
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        results = {name: compared(world, Path(folder), grid, peers) for name, world in worlds().items()}
    print(*report(results, list(peers)), "", *lvd_report(results), "", held(results), sep="\n")
    save("motion", {"grid": [list(map(str, row)) for row in grid], "results": results})


if __name__ == "__main__":
    main()
