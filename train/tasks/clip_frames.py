"""The frames of a clip by number and time, without decoding: what tasks that name frames are made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from media.errors import MediaError
from media.probe import frame_times_us
from train.tasks.rule import Row, Unfit


@dataclass(frozen=True)
class ClipFrames:
    """file: as messages name it. first: number of the clip's first frame in the file. times_us: int64 [N], when each
    frame of the clip begins on the source video's timeline."""

    file: str
    first: int
    times_us: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.times_us)

    def item(self, places: Sequence[int]) -> dict[str, Any]:
        """A video item that shows these frames of the clip, counted from 0, in this order."""
        return {"type": "video", "video": {"video_file": self.file, "frame_indices": [self.first + p for p in places]}}

    def picture(self, place: int) -> dict[str, Any]:
        """One frame of the clip as a picture of its own."""
        return {"type": "image", "image": {"video_file": self.file, "frame_indices": self.first + place}}


def frames_of(row: Row, root: Path) -> ClipFrames:
    """The frames of a caption's clip. Raises Unfit: the file cannot be read, no frame begins in the span."""
    if row["file_uri"]:
        times = _times(root, row["file_uri"])
        return ClipFrames(row["file_uri"], 0, times + row["start_us"])
    times = _times(root, row["uri"])
    first, last = np.searchsorted(times, [row["start_us"], row["end_us"]])
    if first == last:
        raise Unfit("no_frames", f"no frame of {row['uri']} begins in [{row['start_us']}, {row['end_us']}).")
    return ClipFrames(row["uri"], int(first), times[first:last])


def _times(root: Path, name: str) -> NDArray[np.int64]:
    path = root / name
    if not path.is_file():
        raise Unfit("missing_media", f"{path} is not a file.")
    stat = path.stat()
    try:
        return _probed(path, stat.st_size, stat.st_mtime_ns)
    except (MediaError, OSError) as error:
        raise Unfit("bad_media", f"{path}: {error}") from error


@lru_cache(maxsize=8)
def _probed(path: Path, _size: int, _changed_ns: int) -> NDArray[np.int64]:
    """Rows of one video come one after the other; its packets are read once."""
    return frame_times_us(path)
