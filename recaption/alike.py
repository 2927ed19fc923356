"""Near-duplicate captions over different clips: a text that six clips have tells none of them from the others.

A text is known by minimal hashes of its runs of three words (Broder 1997), five by five as eight bands. Texts that
share nine of ten runs have two equal bands with a chance of 0.99, those that share half of them with 0.02, and
unrelated ones of the same genre practically never, so that millions of texts do not fake a duplicate together.

Whether others say the same is known only when they have spoken. So it is no gate on the way in: `withdraw` looks at all
texts of a setting that stand in the catalogue. Its answer depends on that set alone, not on who wrote it or in what
order; and as a set grows, what was common stays common.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.catalogue import Catalogue, now, tool_version
from engine.due import rows_of
from engine.views import quoted
from engine.work import Row
from engine.write import write

if TYPE_CHECKING:
    from recaption.stage import Step

REASON = "near_duplicate"
ALIKE_CLIPS = 5  # so many other clips may say the same
_BANDS, _PER_BAND, _EQUAL_BANDS = 8, 5, 2
_SHOWN_TEXT = 300
_RANDOM = np.random.default_rng(20_260_101)
_MASKS = _RANDOM.integers(0, 1 << 63, _BANDS * _PER_BAND, dtype=np.uint64)
_FACTORS = _RANDOM.integers(0, 1 << 63, _BANDS * _PER_BAND, dtype=np.uint64) | np.uint64(1)


def bands_of(words: Sequence[str]) -> tuple[int, ...]:
    """Eight hashes of a text, each of 64 bits with a sign; texts that say nearly the same share two or more."""
    runs = {" ".join(words[i : i + 3]) for i in range(max(1, len(words) - 2))}
    hashes = np.array([int.from_bytes(blake2b(run.encode(), digest_size=8).digest(), "big") for run in runs], np.uint64)
    least: NDArray[np.uint64] = ((hashes[:, None] ^ _MASKS) * _FACTORS).min(axis=0)
    return tuple(
        int.from_bytes(blake2b(bytes([band]) + row.astype("<u8").tobytes(), digest_size=8).digest(), "big", signed=True)
        for band, row in enumerate(least.reshape(_BANDS, _PER_BAND))
    )


def withdraw(catalogue: Catalogue, step: Step) -> int:
    """Turn away the texts of a step that more than five other clips have as well, and what was made of such texts.

    A reject of reason `near_duplicate` names each, and no view of captions shows it any more. Returns how many texts
    that were shown until now.
    """
    with catalogue.connect() as connection:
        found = connection.execute(f"select count(*) from ({_doomed_sql(step)})").fetchall()[0][0]
        rejects = [_reject(step, row) for row in rows_of(connection, _doomed_sql(step))] if found else []
    write(catalogue, {"rejects": rejects}, stage=step.name)
    return len(rejects)


def _doomed_sql(step: Step) -> str:
    """Texts of a step that are shown and may not be: common ones, their segments, what is made of withdrawn ones."""
    mine = f"fingerprint = {quoted(step.fingerprint)}"
    made_of = (
        "select t.caption_id, false as is_common from captions t join history.rejects r "
        f"on r.key = t.parents[1] and r.reason = '{REASON}' and r.fingerprint = {quoted(step.source.fingerprint)} "
        f"where t.{mine} union all"
        if step.source
        else ""
    )
    return f"""
        with texts as (
            select caption_id, clip_id, kind, parents, text_bands from history.captions
            where {mine} and kind <> 'segment'
            qualify row_number() over (partition by caption_id order by created_at desc) = 1
        ),
        bands as (select caption_id, clip_id, kind, unnest(text_bands) as band from texts),
        common as (
            select kind, band from bands group by all having count(distinct clip_id) > {ALIKE_CLIPS}
        ),
        near as (
            select caption_id, true as is_common from bands semi join common using (kind, band) group by caption_id
            having count(*) >= {_EQUAL_BANDS}
        ),
        doomed as (
            {made_of} from near union all
            select unnest(parents) as caption_id, true as is_common from texts semi join near using (caption_id)
            where kind = 'raw'
        )
        select c.caption_id, c.clip_id, c.text, c.created_at, d.is_common, v.video_key, v.source_stamp
        from (select caption_id, bool_or(is_common) as is_common from doomed group by caption_id) d
        join captions c on c.caption_id = d.caption_id and c.{mine}
        left join clips k on k.clip_id = c.clip_id left join videos v on v.video_id = k.video_id
        order by c.caption_id
    """


def _reject(step: Step, row: Row) -> Row:
    made_of = "it is made of a text that others have as well"
    why = f"{ALIKE_CLIPS} other clips or more have such a text" if row["is_common"] else made_of
    written_at: datetime = row["created_at"]
    return {
        "stage": step.name,
        "key": row["caption_id"],
        "reason": REASON,
        "detail": f"clip {row['clip_id']}: {why}. It wrote: {row['text'][:_SHOWN_TEXT]!r}",
        "permanent": True,
        "source_stamp": row["source_stamp"],
        "video_key": row["video_key"],
        "fingerprint": step.fingerprint,
        "tool_version": tool_version(),
        "created_at": max(now(), written_at),  # the machine that wrote the text may have another clock
    }
