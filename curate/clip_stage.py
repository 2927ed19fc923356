"""What stages that look at clips one by one share: which clips are due, and what becomes of each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

from curate.media_reject import media_reject
from engine.due import Due
from engine.work import Outcome, Reject, Row
from media.errors import MediaError


def clips_due(stage: str, fingerprint: str, table: str, where: str = "true") -> Due:
    """The clips that have no row of this fingerprint in `table`, video by video; where: SQL over c, the clip."""
    return Due(
        stage,
        fingerprint,
        input_sql="select c.clip_id, c.video_id, c.start_us, c.end_us, v.video_key, v.uri, v.source_stamp "
        f"from clips c join videos v on v.video_id = c.video_id where {where}",
        key="clip_id",
        done_sql=f"select clip_id, fingerprint from {table}",
        order="i.video_id, i.start_us",
    )


def looked_at(rows: Iterable[Row], table: str, look: Callable[[Row], Row | Reject]) -> Iterator[Outcome]:
    """The outcome of each clip: the row of `table` that `look` gives, with its clip, its video and the seconds it took.

    Each of `rows` is a clip with `source`, the path or url at which its video can be opened.
    """
    for row in rows:
        began = time.monotonic()
        try:
            found = look(row)
        except MediaError as error:
            found = media_reject(error)
        if isinstance(found, Reject):
            yield Outcome(row["clip_id"], reject=found)
        else:
            whose = {"clip_id": row["clip_id"], "video_id": row["video_id"], "seconds": time.monotonic() - began}
            yield Outcome(row["clip_id"], {table: [whose | found]})
