"""Real clips and eight edits of each, for the bench of near-duplicates: which pairs are one footage is known.

The clips are pieces of real videos that share no frame. Pieces of one static take look alike and are still different
footage: they are the hard negatives. Only where two pieces of one video are both still pictures, and the same one, is
there no right answer; such pairs, and those of files that hold the same film, count neither way.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from media.errors import MediaError
from media.probe import probe
from media.stream import stream
from media.synthetic import Encoding
from media.synthetic.write import write_frames

PIECE_US = 2_800_000
MAX_SIDE = 320
SAME_FILM = (
    frozenset({"psd_goldeneye_vfr_drop3.mp4", "psd_issue134_rotate.mp4"}),
    frozenset({"decord_corrupted.mp4", "tc_av1_testsrc.mkv"}),  # both FFmpeg's test picture
)
STILL = 1.0  # grey levels, mean over the picture: a frame this near to the clip's median picture shows it
STILL_SHARE = 0.6  # of the frames that show the median picture of a clip that is a still
SAME_STILL = 2.0  # grey levels, mean over the picture, between two stills that are the same
BLANK_STD = 3.0  # grey levels: standard deviation over the picture, of a clip that shows nothing
Image = np.ndarray


@dataclass(frozen=True)
class Piece:
    """A piece of a video: frames as shown, uint8 [H, W, 3] RGB, and their rate."""

    name: str
    video: str
    start_us: int
    frames: list[Image]
    fps: Fraction


@dataclass(frozen=True)
class Edit:
    """One way to change a clip. `frames` sees the frames and a random generator."""

    name: str
    frames: Callable[[list[Image], np.random.Generator], list[Image]]
    codec: str = "libx264"
    crf: int = 23


def low_bitrate(frames: list[Image], _rng: np.random.Generator) -> list[Image]:
    return frames


def half_size(frames: list[Image], _rng: np.random.Generator) -> list[Image]:
    return [cv2.resize(frame, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for frame in frames]


def crop(frames: list[Image], rng: np.random.Generator) -> list[Image]:
    """A tenth of the width and of the height is gone, at a random place."""
    height, width = frames[0].shape[:2]
    top, left = (int(rng.integers(0, size // 10 + 1)) for size in (height, width))
    return [frame[top : top + height * 9 // 10, left : left + width * 9 // 10] for frame in frames]


def letterbox(frames: list[Image], rng: np.random.Generator) -> list[Image]:
    """Black bars above and below, or left and right, an eighth of the side each."""
    height, width = frames[0].shape[:2]
    y, x = (height // 8, 0) if rng.random() < 0.5 else (0, width // 8)
    return [cv2.copyMakeBorder(frame, y, y, x, x, cv2.BORDER_CONSTANT, value=(0, 0, 0)) for frame in frames]


def faster(frames: list[Image], _rng: np.random.Generator) -> list[Image]:
    """1.25 times as fast: every fifth frame is gone."""
    return [frame for number, frame in enumerate(frames) if number % 5 != 4]


def trim(frames: list[Image], rng: np.random.Generator) -> list[Image]:
    """Two thirds of the clip, from a random place."""
    kept = len(frames) * 2 // 3
    first = int(rng.integers(0, len(frames) - kept + 1))
    return frames[first : first + kept]


def overlay(frames: list[Image], _rng: np.random.Generator) -> list[Image]:
    """A logo in a corner and a subtitle of two lines, which changes half way."""
    height, width = frames[0].shape[:2]
    scale, marked = width / 640, []
    for number, frame in enumerate(frames):
        picture = frame.copy()
        cv2.rectangle(picture, (width * 83 // 100, height // 25), (width * 97 // 100, height // 7), (230, 40, 40), -1)
        cv2.putText(picture, "LIVE", (width * 84 // 100, height // 9), 0, 0.9 * scale, (255, 255, 255), 2)
        texts = ("what she said then", "nobody had heard") if number < len(frames) // 2 else ("and so", "it went on")
        for line, text in enumerate(texts):
            at = (width // 5, height * (82 + 9 * line) // 100)
            cv2.putText(picture, text, at, 0, 1.2 * scale, (0, 0, 0), 5)
            cv2.putText(picture, text, at, 0, 1.2 * scale, (255, 255, 255), 2)
        marked.append(picture)
    return marked


def mirror_and_grade(frames: list[Image], _rng: np.random.Generator) -> list[Image]:
    """Mirrored, warmer, brighter, with less contrast."""
    grade = np.array([0.85, 0.75, 0.65], np.float32)
    return [np.clip(frame[:, ::-1] * grade + 35, 0, 255).astype(np.uint8) for frame in frames]


EDITS = (
    Edit("low_bitrate", low_bitrate, crf=38),
    Edit("half_size_vp9", half_size, codec="libvpx-vp9", crf=40),
    Edit("crop_10_percent", crop),
    Edit("letterbox", letterbox),
    Edit("speed_1.25", faster),
    Edit("trim_to_2_thirds", trim),
    Edit("logo_and_subtitle", overlay, crf=28),
    Edit("mirror_and_grade", mirror_and_grade),
)


def make(videos: Path, folder: Path, count: int, seed: int = 0) -> Path:
    """Write `count` clips and the edits of each to `folder`; returns the list of them, truth.json. Kept once made."""
    truth = folder / "truth.json"
    if truth.exists():
        return truth
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    spans = spans_of(videos)
    chosen = sorted(rng.permutation(len(spans))[:count])
    pieces, stills = [], []
    for number, place in enumerate(chosen):
        piece = read(videos, spans[place][0], spans[place][1], f"{number:03d}")
        files = {"original": _write(folder, piece, Edit("original", low_bitrate, crf=20), rng)}
        files |= {edit.name: _write(folder, piece, edit, rng) for edit in EDITS}
        stills.append(still_of(piece.frames))
        pieces.append(
            {"video": piece.video, "start_us": piece.start_us, "is_blank": is_blank(piece.frames), "files": files}
        )
        print(f"  {number + 1}/{len(chosen)} {piece.video} {piece.start_us / 1e6:.0f} s", flush=True)
    truth.write_text(json.dumps({"pieces": pieces, "uncounted": uncounted(pieces, stills)}, indent=1))
    return truth


def spans_of(videos: Path) -> list[tuple[str, int]]:
    """Name and start of every piece of every video that can be decoded."""
    spans = []
    for path in sorted(videos.iterdir()):
        try:
            facts = probe(path)
        except MediaError:
            continue
        spans += [(path.name, start) for start in range(0, facts.duration_us - PIECE_US + 1, PIECE_US)]
    return spans


def read(videos: Path, video: str, start_us: int, name: str) -> Piece:
    frames, times = [], []
    with stream(videos / video, max_side=MAX_SIDE, start_us=start_us, end_us=start_us + PIECE_US) as decoded:
        for frame in decoded:
            height, width = frame.height // 4 * 4, frame.width // 4 * 4
            frames.append(frame.rgb[:height, :width].copy())
            times.append(frame.time_us)
    fps = Fraction(round((len(frames) - 1) * 1e6 / (times[-1] - times[0]) * 100), 100) if len(times) > 1 else 25
    return Piece(name, video, start_us, frames, Fraction(fps))


def still_of(frames: Sequence[Image]) -> np.ndarray | None:
    """The picture, grey, that a clip shows for most of its time without any change; None where there is none."""
    grey = _grey(frames)
    median = np.median(grey, axis=0)
    shows = np.abs(grey - median).mean(axis=(1, 2)) < STILL
    return median if shows.mean() >= STILL_SHARE else None


def is_blank(frames: Sequence[Image]) -> bool:
    """Whether no picture of a clip shows anything but one colour: there is nothing by which to know it."""
    return bool(_grey(frames).std(axis=(1, 2)).max() < BLANK_STD)


def _grey(frames: Sequence[Image]) -> np.ndarray:
    return np.stack([cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames[::3]]).astype(np.float32)


def uncounted(pieces: Sequence[dict], stills: Sequence[np.ndarray | None]) -> list[tuple[int, int]]:
    """Pairs of pieces about which nobody can say whether they are the same footage."""
    pairs = []
    for i, one in enumerate(pieces):
        for j, other in enumerate(pieces[:i]):
            same_film = frozenset({one["video"], other["video"]}) in SAME_FILM
            if same_film or (one["video"] == other["video"] and _same_still(stills[i], stills[j])):
                pairs.append((j, i))
    return pairs


def _same_still(one: np.ndarray | None, other: np.ndarray | None) -> bool:
    return one is not None and other is not None and float(np.abs(one - other).mean()) < SAME_STILL


def _write(folder: Path, piece: Piece, edit: Edit, rng: np.random.Generator) -> str:
    frames = edit.frames(piece.frames, rng)
    height, width = (size // 2 * 2 for size in frames[0].shape[:2])
    frames = [np.ascontiguousarray(frame[:height, :width]) for frame in frames]
    suffix = ".webm" if "vp9" in edit.codec else ".mp4"
    path = folder / f"{piece.name}_{edit.name}{suffix}"
    write_frames(frames, Encoding(codec=edit.codec, fps=piece.fps, size=(width, height), crf=edit.crf), path)
    return path.name
