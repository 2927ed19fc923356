"""Videos that lie within shards come into the catalogue's media folder as fetched ones do: by their content, judged by
their first bytes, with a row of `fetches` each. No name of a stranger becomes a path."""

from __future__ import annotations

from collections import Counter
from pathlib import Path, PurePosixPath
from typing import Any

from curate.doors.new_parts import NewParts
from curate.doors.tar_members import Member
from curate.download.backend import GB, Fetched
from curate.download.content import HEAD_BYTES, container_suffix, looks_like
from curate.download.outcomes import CLASSES
from curate.download.partials import Partials
from engine.catalogue import Catalogue
from engine.store import CatalogueError
from engine.work import Row
from schemas.ids import VideoHash

BACKEND = "tar"
MOST_BYTES = 20 * GB
_KNOWN_SQL = """
    select video_key, arg_max(video_id, created_at) as video_id, max(attempt) as attempt from (
        select video_key, video_id, attempt, created_at from fetches
        union all select video_key, video_id, 0, created_at from videos
        union all select video_key, video_id, 0, created_at from aliases
    ) group by video_key
"""


class TarMedia:
    """Takes videos out of shards. `outcomes`: how many came, and what was wrong with the others."""

    def __init__(self, catalogue: Catalogue, parts: NewParts) -> None:
        self._parts = parts
        self._partials = Partials(catalogue)
        self._rows: list[Row] = []
        self.outcomes: Counter[str] = Counter()
        with catalogue.connect() as connection:
            rows = connection.execute(_KNOWN_SQL).fetchall()
            gone = connection.execute("select video_id from tombstones where video_id is not null").fetchall()
            buried = connection.execute("select video_key from tombstones").fetchall()
        self._known: dict[str, tuple[str | None, int]] = {key: (video, attempt) for key, video, attempt in rows}
        self._forgotten = {row[0] for row in gone}
        self._buried = {row[0] for row in buried}

    def take(self, shard: Path, member: Member) -> str:
        """Put a video in its place; returns the key under which it is known: another one where the catalogue has other
        content under this one.

        Raises:
            BadRow: the archive ends within the video.
        """
        key = str(PurePosixPath(member.name)).encode("utf-8", "backslashreplace").decode()
        if key in self._buried:
            return self._note(shard, key, member, Fetched("forgotten", "it was taken down"))
        path, digest, head = self._partials.path_of(f"{shard.resolve()}:{member.name}"), VideoHash(), b""
        if member.size > MOST_BYTES:
            return self._note(shard, key, member, Fetched("too_large", f"{member.size / GB:.1f} GB"))
        try:
            try:
                with path.open("wb") as file:
                    for block in member.blocks():
                        head = head or block[:HEAD_BYTES]
                        if container_suffix(head) is None:
                            break
                        digest.update(block)
                        file.write(block)
            except OSError as error:
                raise CatalogueError(f"cannot write {path}: {error.strerror}") from error
            suffix = container_suffix(head)
            if suffix is None:
                said = f"it is {looks_like(head)}, by its first bytes"
                return self._note(shard, key, member, Fetched("not_a_video", said))
            video_id = digest.video_id()
            known, _ = self._known.get(key, (None, 0))
            if known == video_id:
                self.outcomes["there before"] += 1
                return key
            key = key if known is None else f"{key}~{video_id[:8]}"
            fetched = Fetched("ok", path=path, video_id=video_id, bytes=member.size, suffix=suffix)
            return self._note(shard, key, member, fetched)
        finally:
            path.unlink(missing_ok=True)

    def _note(self, shard: Path, key: str, member: Member, fetched: Fetched) -> str:
        attempt = self._known.get(key, (None, 0))[1] + 1
        row: dict[str, Any] = {
            "video_key": key, "attempt": attempt, "backend": BACKEND, "outcome": fetched.outcome,
            "permanent": CLASSES[fetched.outcome].permanent,
            "message": fetched.message, "bytes": fetched.bytes, "seconds": 0.0,
            "url": f"{shard.resolve()}:{member.name}".encode("utf-8", "backslashreplace").decode(),
        }  # fmt: skip
        if fetched.outcome == "ok":
            row = self._partials.place(row, fetched, self._forgotten)
        self._known[key] = (row.get("video_id"), attempt)
        self.outcomes[row["outcome"]] += 1
        self._rows.append(row)
        return key

    def add_rows(self) -> None:
        """Hand the rows over; they count once the parts are published."""
        self._parts.add("fetches", self._rows)

    def recorded(self) -> None:
        """The parts are published."""
        self._partials.recorded(self._rows)
