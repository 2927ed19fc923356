"""Files on their way: partial ones go on where they stopped, finished ones are placed by content, nothing is half
there.

A finished file is placed in three steps: a note of all that its row will say, the move to its place, and later, with
many others, its row. Killed between any of them, the next run finds the note and writes the row without asking the
source again.
"""

from __future__ import annotations

import fcntl
import os
import struct
import weakref
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from curate.download.backend import Fetched
from curate.download.content import HEAD_BYTES, container_suffix
from curate.download.placed import Note, Placed
from engine.catalogue import Catalogue
from engine.work import Row
from schemas.ids import video_id_of

FOLDER = "media/partial"
_LOCKS = "locks"


@dataclass
class Held:
    """The right to write one video's partial file, until it is given back or the process ends, however it ends."""

    give_back: Callable[[], None]


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
        self._locks = os.open(self.folder / _LOCKS, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        weakref.finalize(self, os.close, self._locks)
        self._placed = Placed(self.folder)

    @property
    def are_moved(self) -> bool:
        """Whether placing is a move on one disk, or sends a file somewhere else."""
        return self._store.local_root is not None

    def path_of(self, video_key: str) -> Path:
        """The partial file of a video: its key may hold anything and be of any length, so its hash names the file."""
        return self.folder / f"{_digest(video_key).hex()}.part"

    def hold(self, video_key: str) -> Held | None:
        """The right to fetch this video; None while another process has it.

        One byte of one file stands for each video: nothing to make, to remove, or to leave behind.
        """
        place = int.from_bytes(_digest(video_key)[:7], "big")
        if not _lock(self._locks, fcntl.F_WRLCK, place):
            return None
        return Held(lambda: _let_go(self._locks, place))

    def place(self, row: Row, fetched: Fetched, forgotten: Iterable[str] = ()) -> Row:
        """Move a finished file to the place that its content names; the row with `video_id`, `uri` and `source_stamp`.

        Content in `forgotten` is deleted instead, and the row says so.
        """
        assert fetched.path is not None
        video_id = fetched.video_id or _video_id_of(fetched.path)
        size = fetched.path.stat().st_size if fetched.size is None else fetched.size
        if video_id in forgotten:
            fetched.path.unlink()
            return row | {"outcome": "forgotten", "message": "the same content was taken down under another name"}
        uri = f"media/videos/{video_id[:2]}/{video_id}{fetched.suffix or _suffix_of(fetched.path)}"
        full = row | {"video_id": video_id, "uri": uri, "source_stamp": f"{size}-{fetched.etag or ''}"}
        self._placed.add(full, fetched.path.name, size)
        self._store.adopt(uri, fetched.path, sync=False)
        return full

    def unrecorded(self) -> Iterator[Row]:
        """Rows of videos that a killed run had fetched and not yet recorded: their files are there and whole."""
        for note in self._placed.left():
            held = self.hold(note.row["video_key"])
            if held is None:
                continue  # a living process fetches it anew
            try:
                if self._is_whole(note):
                    yield note.row
                else:
                    self._placed.drop([note.row["video_key"]])
            finally:
                held.give_back()

    def _is_whole(self, note: Note) -> bool:
        """Whether the file stands in its place, or can be put there now."""
        uri, path = note.row["uri"], self.folder / note.file
        if not self._store.exists(uri):
            if not path.is_file() or path.stat().st_size != note.size:
                return False
            self._store.adopt(uri, path)
        with self._store.open(uri) as file:
            return video_id_of(file)[0] == note.row["video_id"]

    def recorded(self, rows: Iterable[Row]) -> None:
        """The rows are in the catalogue: their notes are not needed any more."""
        self._placed.drop(row["video_key"] for row in rows)

    def remove(self, video_key: str) -> None:
        """Delete all that lies here of one video."""
        for path in self.folder.glob(f"{self.path_of(video_key).stem}*"):
            path.unlink(missing_ok=True)


def _video_id_of(path: Path) -> str:
    with path.open("rb") as file:
        return video_id_of(file)[0]


def _suffix_of(path: Path) -> str:
    with path.open("rb") as file:
        return container_suffix(file.read(HEAD_BYTES)) or ".bin"


def _digest(video_key: str) -> bytes:
    return blake2b(video_key.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _lock(descriptor: int, kind: int, place: int) -> bool:
    """Lock a byte of a file or let go of it; whether that was possible. Linux ties such a lock to the open file, other
    systems to the process."""
    if hasattr(fcntl, "F_OFD_SETLK"):
        said = struct.pack("hhqqi", kind, os.SEEK_SET, place, 1, 0)
        try:
            fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, said)
        except (BlockingIOError, PermissionError):
            return False
        return True
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_UN if kind == fcntl.F_UNLCK else fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
    except (BlockingIOError, PermissionError):
        return False
    return True


def _let_go(descriptor: int, place: int) -> None:
    _lock(descriptor, fcntl.F_UNLCK, place)
