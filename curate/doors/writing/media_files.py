"""The files of clips: the video itself where the clip is all of it, else an exact cut by one thread, which gives the
same bytes everywhere with the same libraries."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from curate.doors.writing.rows import ClipEntry
from engine.catalogue import Catalogue
from media.cut import cut
from media.errors import MediaError

CRF = 18


class Media(NamedTuple):
    """Where a clip's media are. cut: the span of them, in microseconds, None where it is all of them."""

    source: str
    cut: tuple[int, int] | None


def media_of(entry: ClipEntry, catalogue: Catalogue) -> Media | None:
    """None where the video has not come."""
    row = entry.row
    uri = row["clip_uri"] or (row["uri"] if row["kept"] != "spans" else None)
    if row["clip_id"] is None or uri is None:
        return None
    is_whole = row["clip_uri"] or (row["start_us"] == 0 and row["end_us"] == row["duration_us"])
    source = uri if uri.startswith("/") else catalogue.resolve_uri(uri)
    return Media(source, None if is_whole and "://" not in source else (row["start_us"], row["end_us"]))


class MediaFiles:
    """Gives files of clips, one at a time; cuts go to `scratch`. failed: keys and why."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self.failed: list[tuple[str, str]] = []

    def put(self, key: str, media: Media, add: Callable[[str, str], None]) -> None:
        """Call `add(suffix, path)` with the clip's file, unless it is gone or cannot be cut.

        Raises:
            OSError: the disk is full.
        """
        source = media.source
        try:
            if media.cut:
                made = self._scratch / "clip.mp4"
                cut(source, *media.cut, made, crf=CRF, threads=1)
                source = str(made)
            add(os.path.splitext(source)[1].lower(), source)  # noqa: PTH122  (a Path for each of a million files)
        except FileNotFoundError:
            self.failed.append((key, f"{source} is gone"))
        except (MediaError, OSError) as error:
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise
            self.failed.append((key, str(error)))
