"""Files on their way: partial ones go on where they stopped, finished ones are placed by content, nothing is half
there.

A finished file is placed in three steps: a note of all that its row will say, the move to its place, and later, with
many others, its row. Killed between any of them, the next run finds the note and writes the row without asking the
source again.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from curate.download.backend import Fetched
from curate.download.content import HEAD_BYTES, container_suffix
from engine.catalogue import Catalogue
from engine.work import Row
from schemas.ids import VIDEO_ID_LENGTH, video_id_of

FOLDER = "media/partial"
_DONE = ".done"


@dataclass
class Held:
    """The right to write one video's partial file, until it is given back or the process ends, however it ends."""

    descriptor: int
    path: Path

    def give_back(self) -> None:
        self.path.unlink(missing_ok=True)
        os.close(self.descriptor)


class Partials:
    """The folder of partial files of a catalogue; for one in a bucket, a folder of this user's cache."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._store = catalogue.store
        root = catalogue.store.local_root
        if root is None:
            cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
            self.folder = cache / "longtake" / blake2b(catalogue.url.encode(), digest_size=8).hexdigest()
        else:
            self.folder = root / FOLDER
        self.folder.mkdir(parents=True, exist_ok=True)

    def path_of(self, video_key: str) -> Path:
        """The partial file of a video: its key may hold anything and be of any length, so its hash names the file."""
        return self.folder / f"{blake2b(video_key.encode('utf-8', 'surrogatepass'), digest_size=16).hexdigest()}.part"

    def hold(self, video_key: str) -> Held | None:
        """The right to fetch this video; None while another process has it."""
        path = self.path_of(video_key).with_suffix(".lock")
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return Held(descriptor, path)

    def place(self, video_key: str, row: Row, fetched: Fetched, forgotten: Iterable[str] = ()) -> Row:
        """Move a finished file to the place that its content names; the row with `video_id`, `uri` and `source_stamp`.

        Content in `forgotten` is deleted instead, and the row says so.
        """
        assert fetched.path is not None
        digest = fetched.content or _hash_of(fetched.path)
        video_id, size = digest[:VIDEO_ID_LENGTH], fetched.path.stat().st_size
        if video_id in forgotten:
            fetched.path.unlink()
            return row | {"outcome": "forgotten", "message": "the same content was taken down under another name"}
        with fetched.path.open("rb") as file:
            suffix = container_suffix(file.read(HEAD_BYTES)) or ".bin"
        uri = f"media/videos/{video_id[:2]}/{video_id}{suffix}"
        full = row | {"video_id": video_id, "uri": uri, "source_stamp": f"{size}-{fetched.etag or ''}"}
        note = self.path_of(video_key).with_suffix(_DONE)
        _write_whole(note, json.dumps({"row": full, "path": fetched.path.name, "size": size}))
        self._store.adopt(uri, fetched.path, sync=False)
        return full

    def unrecorded(self) -> Iterator[Row]:
        """Rows of videos that a killed run had fetched and not yet recorded: their files are there and whole."""
        for note in sorted(self.folder.glob(f"*{_DONE}")):
            try:
                said: dict[str, Any] = json.loads(note.read_text(encoding="utf-8"))
                row, path, size = said["row"], self.folder / Path(said["path"]).name, int(said["size"])
            except (OSError, ValueError, KeyError, TypeError):
                note.unlink(missing_ok=True)
                continue
            held = self.hold(row["video_key"])
            if held is None:
                continue  # a living process is about to record it
            try:
                if self._is_whole(row, path, size):
                    yield row
                else:
                    note.unlink(missing_ok=True)
            finally:
                held.give_back()

    def _is_whole(self, row: Row, path: Path, size: int) -> bool:
        """Whether the file stands in its place, or can be put there now."""
        uri = row["uri"]
        if not self._store.exists(uri):
            if not path.is_file() or path.stat().st_size != size:
                return False
            self._store.adopt(uri, path)
        with self._store.open(uri) as file:
            return video_id_of(file)[0] == row["video_id"]

    def recorded(self, rows: Iterable[Row]) -> None:
        """The rows are in the catalogue: their notes are not needed any more."""
        for row in rows:
            self.path_of(row["video_key"]).with_suffix(_DONE).unlink(missing_ok=True)

    def remove(self, video_key: str) -> None:
        """Delete all that lies here of one video."""
        for path in self.folder.glob(f"{self.path_of(video_key).stem}*"):
            path.unlink(missing_ok=True)


def _hash_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_whole(path: Path, text: str) -> None:
    """A small file that is there whole or not at all when this process is killed."""
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
