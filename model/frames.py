"""Frames of the pictures and videos that messages name, as PIL pictures, without torch: this runs on CPU workers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from PIL import Image

from media.errors import MediaError
from media.limits import DEFAULT_LIMITS
from model.errors import ModelError
from model.messages import is_video, path_of, video_of
from model.sampling import Sampler, Selection, select_frames, uniform_v2


@dataclass(frozen=True)
class Shown:
    """Pictures of one item before any resize. times_us: since the video's first frame, empty where there is no
    clock."""

    pictures: list[Image.Image]
    indices: tuple[int, ...]
    times_us: tuple[int, ...] = ()
    dropped: tuple[int, ...] = ()


def image_frame(item: Mapping[str, Any], root: str | Path) -> Shown:
    """The one picture of an image item. Raises ModelError."""
    if "frames" in item:
        return Shown(_pictures(item["frames"])[:1], (0,))
    if "grid" in item:
        return grid_frame(item, root)
    if is_video(item):
        number = item["frame_indices"]
        return video_frames({**item, "frame_indices": [number]}, root, 1, "v1", None)
    return Shown([_open_picture(path_of(item["image_file"], root))], (0,))


def video_frames(item: Mapping[str, Any], root: str | Path, n: int, sampler: Sampler, rng: Random | None) -> Shown:
    """Up to n frames of a video item, by Tarsier2's rules. Raises ModelError."""
    return frames_by(item, root, lambda total, fps, keys: select_frames(total, fps, keys, n, sampler, rng))


def frames_by(item: Mapping[str, Any], root: str | Path, choose: Any) -> Shown:
    """Frames that `choose(total, fps, item) -> Selection` picks; its ValueError becomes a ModelError."""
    if is_video(item):
        return _of_video(video_of(item, root), item, choose)
    if "frames" in item:
        pictures = _pictures(item["frames"])
        selection = _chosen(choose, len(pictures), None, item, "these frames")
        return Shown([pictures[i] for i in selection.indices], selection.indices, dropped=selection.dropped)
    names = item["image_file"]
    names = [names] if isinstance(names, str | Path) else names
    if not isinstance(names, Sequence) or not names:
        raise ModelError("bad_message", f"image_file of a video must be a list of files, got {names!r}.")
    selection = _chosen(choose, len(names), None, item, "this list of pictures")
    opened = {name: _open_picture(path_of(name, root)) for name in {names[i] for i in selection.indices}}
    return Shown([opened[names[i]] for i in selection.indices], selection.indices, dropped=selection.dropped)


def grid_frame(item: Mapping[str, Any], root: str | Path) -> Shown:
    """Frames spread over a video's span in one picture, read row by row, with white borders between and around them.

    The frames are those in the middle of equal parts of the span (so IG-VLM, arXiv 2403.18406, draws them); a span with
    fewer frames repeats them. The border is 2 % of a frame's longer side. Raises ModelError.
    """
    rows, columns = item["grid"]
    count = rows * columns

    def middles(total: int, fps: float | None, keys: Mapping[str, Any]) -> Selection:
        first, last = keys.get("start_frame", 0), keys.get("end_frame", total - 1)
        length = last - first + 1
        spread = uniform_v2(length, count) if length >= count else [i * length // count for i in range(count)]
        return Selection(tuple(first + i for i in spread))

    shown = frames_by(item, root, middles)
    width, height = shown.pictures[0].size
    border = max(2, round(0.02 * max(width, height)))
    size = (columns * width + (columns + 1) * border, rows * height + (rows + 1) * border)
    grid = Image.new("RGB", size, "white")
    for number, picture in enumerate(shown.pictures):
        row, column = divmod(number, columns)
        fitted = picture if picture.size == (width, height) else picture.resize((width, height))
        grid.paste(fitted, (border + column * (width + border), border + row * (height + border)))
    return Shown([grid], shown.indices, shown.times_us, shown.dropped)


def _of_video(path: Path | str, item: Mapping[str, Any], choose: Any) -> Shown:
    from media.probe import frame_times_us, probe  # noqa: PLC0415  (pictures and given frames need no decoder)
    from media.sample import sample  # noqa: PLC0415

    try:
        times = frame_times_us(path)
        fps = None
        if item.keys() & {"time_indices", "start_time", "end_time", "fps"}:
            facts = probe(path)
            fps = facts.fps_num / facts.fps_den
        selection = _chosen(choose, len(times), fps, _frame_span(item, times), str(path))
        shown_at = [int(times[i]) for i in selection.indices]
        frames = sample(path, shown_at)
    except MediaError as error:
        raise ModelError("bad_media", f"{path}: {error}") from error
    pictures = {id(frame): Image.fromarray(frame.rgb) for frame in frames}
    return Shown([pictures[id(frame)] for frame in frames], selection.indices, tuple(shown_at), selection.dropped)


def _frame_span(item: Mapping[str, Any], times: np.ndarray) -> Mapping[str, Any]:
    """`start_us`/`end_us`, half-open, as frame numbers: exact for videos whose frame rate varies."""
    if "start_us" not in item and "end_us" not in item:
        return item
    start, end = item.get("start_us", 0), item.get("end_us", int(times[-1]) + 1)
    first, last = int(np.searchsorted(times, start)), int(np.searchsorted(times, end)) - 1
    if last < first:
        raise ModelError("no_frames", f"No frame begins in [{start}, {end}) microseconds.")
    inner = {key: value for key, value in item.items() if key not in ("start_time", "end_time")}
    return {**inner, "start_frame": first, "end_frame": last}


def _chosen(choose: Any, total: int, fps: float | None, item: Mapping[str, Any], what: str) -> Selection:
    try:
        selection: Selection = choose(total, fps, item)
    except (ValueError, TypeError) as error:
        raise ModelError("bad_message", f"{what}: {error}") from error
    if not selection.indices:
        raise ModelError("no_frames", f"{what}: of {total} frames none was chosen.")
    return selection


def _open_picture(path: Path) -> Image.Image:
    try:
        with Image.open(path) as picture:
            if picture.width * picture.height > (DEFAULT_LIMITS.max_pixels or math.inf):
                raise ModelError("bad_media", f"{path} has {picture.width}x{picture.height} pixels, above the limit.")
            return picture.convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ModelError("bad_media", f"{path}: {error}") from error


def _pictures(frames: Any) -> list[Image.Image]:
    """uint8 [n, H, W, 3] or a sequence of [H, W, 3] or PIL pictures."""
    pictures = []
    for frame in frames:
        if isinstance(frame, Image.Image):
            pictures.append(frame.convert("RGB"))
            continue
        pixels = np.asarray(frame)
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
            raise ModelError("bad_message", f"A frame must be uint8 [H, W, 3], got {pixels.dtype} {pixels.shape}.")
        pictures.append(Image.fromarray(pixels))
    if not pictures:
        raise ModelError("no_frames", "The list of frames is empty.")
    return pictures
