"""The demo's videos: small, each for a reason, with the truth beside them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from media.synthetic.camera import Camera, CameraPath
from media.synthetic.encoding import Encoding
from media.synthetic.scene import Flash, Scene
from media.synthetic.shape import Overlay
from media.synthetic.texture import Texture
from media.synthetic.transition import Transition
from media.synthetic.truth import Truth
from media.synthetic.world import World
from media.synthetic.worlds import bouncing_shapes, long_take_world
from media.synthetic.write import write

TRUTH_FILE = "truth.json"


@dataclass(frozen=True)
class DemoVideo:
    """A world and how it is written. `kept_share`: share of the file's bytes that is left; 1 is undamaged."""

    name: str
    world: World
    encoding: Encoding
    kept_share: float = 1.0


def demo_videos(folder: Path, report: Callable[[str], None] | None = None) -> list[tuple[Path, Truth | None]]:
    """Writes the demo's videos and truth.json to `folder` unless they are there; None for the damaged ones.

    LVD-2M's rule (10 s or more without a cut and 20 px of flow per half second at 520 x 960, about 0.037
    diagonals a second) keeps walk, turn, crossing and ride, and turns the others away. `report` gets one line a
    video.
    """
    folder.mkdir(parents=True, exist_ok=True)
    settings = _settings()
    known = _known_rows(folder, settings)
    rows, made = [], []
    for video in demo_recipes():
        path, row = folder / video.name, known.get(video.name)
        is_there = row is not None and path.is_file() and path.stat().st_size == row["bytes"]
        if row is None or not is_there:
            truth = _write(video, path)
            row = {"file": video.name, "bytes": path.stat().st_size, "truth": asdict(truth) if truth else None}
        rows.append(row)
        truth = Truth.from_json(json.dumps(row["truth"])) if row["truth"] else None
        made.append((path, truth))
        if report:
            report(_line("there" if is_there else "wrote", path, truth))
    if list(known.values()) != rows:
        (folder / TRUTH_FILE).write_text(json.dumps({"settings": settings, "videos": rows}) + "\n")
    return made


def demo_recipes() -> tuple[DemoVideo, ...]:
    """What each of the demo's videos is; damaged ones last."""
    cuts = _cuts()
    return (
        DemoVideo("walk_h264.mp4", long_take_world(12), Encoding(size=(640, 360), fps=25, audio=True)),
        DemoVideo("turn_hevc.mp4", _turn(), Encoding("libx265", Fraction(30000, 1001), (480, 270))),
        DemoVideo("crossing_mpeg4.mp4", _crossing(), Encoding("mpeg4", 25, (480, 270))),
        DemoVideo("ride_vfr_h264.mp4", _ride(), Encoding(fps=30, size=(480, 270), frame_gaps=(1, 2))),
        DemoVideo("cuts_h264.mp4", cuts, Encoding(fps=Fraction(24000, 1001), size=(480, 270), audio=True)),
        DemoVideo("transitions_vp9.webm", _transitions(), Encoding("libvpx-vp9", 25, (480, 270))),
        DemoVideo("calm_av1.mp4", _calm(), Encoding("libsvtav1", 24, (480, 270))),
        DemoVideo("slides_h264.mkv", _slides(), Encoding(fps=10, size=(640, 360))),
        DemoVideo("phone_h264.mp4", _phone(), Encoding(fps=30, size=(480, 270), rotation=270)),
        DemoVideo("loop.gif", _gif(), Encoding("gif", 10, (240, 134))),
        DemoVideo("truncated.mp4", cuts, Encoding(fps=12, size=(240, 134)), kept_share=0.6),
        DemoVideo("empty.mp4", cuts, Encoding(fps=12, size=(240, 134)), kept_share=0),
    )


def _write(video: DemoVideo, path: Path) -> Truth | None:
    if video.kept_share == 0:
        path.write_bytes(b"")
        return None
    truth = write(video.world, video.encoding, path)
    if video.kept_share == 1:
        return truth
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * video.kept_share)])
    return None


def _known_rows(folder: Path, settings: str) -> dict[str, dict[str, Any]]:
    """The rows of an earlier run with the same settings; none when there was no such run."""
    file = folder / TRUTH_FILE
    if not file.is_file():
        return {}
    written = json.loads(file.read_text())
    return {row["file"]: row for row in written["videos"]} if written["settings"] == settings else {}


def _settings() -> str:
    """A hash of this package's source, which is all that the videos depend on."""
    digest = hashlib.sha256()
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _line(verb: str, path: Path, truth: Truth | None) -> str:
    size = f"{verb} {path.name} ({path.stat().st_size // 1000} kB)"
    if truth is None:
        return f"{size}: damaged on purpose"
    longest = max(truth.clips, key=lambda clip: clip.end_us - clip.start_us)
    flow = f"{longest.motion.flow_diag_per_s:.3f}" if longest.motion else "unknown"
    seconds = (longest.end_us - longest.start_us) / 1_000_000
    return (
        f"{size}: {truth.end_us / 1_000_000:.1f} s, {truth.num_frames} frames, {len(truth.cuts)} cuts, "
        f"longest clip {seconds:.1f} s with flow {flow} diagonals/s"
    )


def _turn() -> World:
    path = CameraPath(
        (
            (4, Camera(pan_diag_per_s=0.12, shake_diag=0.002)),
            (4, Camera(pan_diag_per_s=0.04, zoom_per_s=0.12, shake_diag=0.002)),
            (3, Camera(pan_diag_per_s=-0.1, tilt_diag_per_s=0.05, roll_deg_per_s=-3, shake_diag=0.002)),
        )
    )
    return World((Scene(Texture("city", seed=31), 11, path, bouncing_shapes(31, 2, 0.1)),))


def _crossing() -> World:
    return World((Scene(Texture(seed=32), 11, shapes=bouncing_shapes(33, 7, 0.3)),))


def _ride() -> World:
    camera = Camera(pan_diag_per_s=0.07, tilt_diag_per_s=0.02, shake_diag=0.002)
    return World((Scene(Texture(seed=34), 10.5, camera, exposure=((0, 1), (5, 0.7), (10, 1.1))),))


def _cuts() -> World:
    scenes = (
        Scene(Texture("city", seed=35), 2.5, Camera(pan_diag_per_s=0.08)),
        Scene(
            Texture(seed=36),
            2,
            Camera(tilt_diag_per_s=0.05),
            bouncing_shapes(36, 2, 0.2),
            flashes=(Flash(1, 0.09),),
        ),
        Scene(Texture(seed=37, contrast=0.4), 3, Camera(zoom_per_s=0.1), overlays=(Overlay("Tuesday", 0.5, 2),)),
        Scene(Texture("city", seed=38), 1.5, shapes=bouncing_shapes(38, 2, 0.15)),
        Scene(Texture("city", seed=38), 2, shapes=bouncing_shapes(38, 2, 0.15), start_s=4),  # a jump cut
        Scene(Texture(seed=39), 2.5, Camera(pan_diag_per_s=-0.06, shake_diag=0.003)),
    )
    return World(scenes)


def _transitions() -> World:
    scenes = tuple(
        Scene(
            Texture(("natural", "city")[index % 2], seed=40 + index),
            2.6,
            Camera(pan_diag_per_s=0.04 * (-1) ** index),
        )
        for index in range(6)
    )
    transitions = (
        Transition("dissolve", 0.8),
        Transition("fade", 1),
        Transition("wipe", 0.6, direction="right"),
        Transition("fade", 0.6, "white"),
        Transition(),
    )
    return World(scenes, transitions)


def _calm() -> World:
    logo = Overlay("LT", place_x=0.93, place_y=0.09, size_diag=0.04)
    words = (Overlay("nothing much happens", 2, 5), Overlay("for a long time", 6, 9))
    return World((Scene(Texture(seed=50), 12, Camera(pan_diag_per_s=0.008), overlays=(logo, *words)),))


def _slides() -> World:
    return World(tuple(Scene(Texture("page", seed=60 + index), 4) for index in range(4)))


def _phone() -> World:
    camera = Camera(pan_diag_per_s=0.05, tilt_diag_per_s=0.03, shake_diag=0.006, shake_hz=3)
    return World((Scene(Texture(seed=70), 6, camera, bouncing_shapes(70, 1, 0.1)),))


def _gif() -> World:
    return World((Scene(Texture(seed=80), 2.5, Camera(zoom_per_s=0.2)), Scene(Texture("city", seed=81), 2.5)))
