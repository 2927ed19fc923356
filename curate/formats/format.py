"""What a dataset format is: how its files are recognised, and which of its columns say what, as SQL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

MACROS = r"""
create macro us_of(t) as case
    when regexp_full_match(trim(t), '[0-9]{1,9}([.,][0-9]+)?(e-[0-9]+)?')
        then round(replace(trim(t), ',', '.')::double * 1e6)::bigint
    when regexp_full_match(trim(t), '([0-9]{1,5}:)?[0-5]?[0-9]:[0-5]?[0-9]([.,][0-9]{1,9})?')
        then coalesce(try_cast(string_split(trim(t), ':')[-3] as bigint), 0) * 3600000000
           + string_split(trim(t), ':')[-2]::bigint * 60000000
           + round(replace(string_split(trim(t), ':')[-1], ',', '.')::double * 1e6)::bigint
    end;
create macro listed(t) as try_cast(translate(t, '()', '[]') as varchar[]);
create macro listed_pairs(t) as case
    when regexp_matches(t, '^\s*[\[(]\s*[\[(]') then try_cast(translate(t, '()', '[]') as varchar[][])
    else [try_cast(translate(t, '()', '[]') as varchar[])] end;
create macro youtube_id(u) as case when strlen(u) = 43 and starts_with(u, 'https://www.youtube.com/watch?v=')
        and regexp_full_match(right(u, 11), '[A-Za-z0-9_-]{11}') then right(u, 11)
    else nullif(regexp_extract(u,
    '(?i)^https?://(?:[a-z0-9-]+\.)*(?:youtube(?:-nocookie)?\.com/(?:watch/?\?(?:[^#]*&)?v=|embed/|shorts/|v/|live/)'
    || '|youtu\.be/)([A-Za-z0-9_-]{11})(?:[^A-Za-z0-9_-]|$)', 1), '') end;
create macro watch_url(id) as 'https://www.youtube.com/watch?v=' || id;
"""
"""us_of: microseconds of a time as datasets write it (`schemas.spans.parse_timecode`), null where it is none.
listed: a Python or JSON list literal. listed_pairs: one of pairs, or one pair. youtube_id: the 11 characters, or
null; the usual form of the url is looked at first, since that costs a fifth of the expression for all forms."""

Explode = Callable[[str], str]


@dataclass(frozen=True)
class Field:
    """One thing that a row says: SQL over the file's columns (varchar), and the column to name where it is wrong."""

    sql: str
    column: str


NOTHING = Field("null", "")


@dataclass(frozen=True)
class Format:
    """A dataset's file. `needs`: columns by which it is recognised, lower case; `needs_one_of`: one of these as well.

    `url` null in a row that has no problem means: the file names media, not urls. `start` and `end` are texts, both
    null for a whole video; `frames` a list of two frame numbers in HD-VG's counting. `explode` makes SQL for one row a
    clip from SQL for one row a video. `problem` is SQL: null, or what is wrong, as "column: what".
    """

    name: str
    title: str
    needs: frozenset[str]
    url: Field
    video_key: Field
    needs_one_of: frozenset[str] = frozenset()
    own_key: str = "null"
    start: Field = NOTHING
    end: Field = NOTHING
    frames: Field = NOTHING
    explode: Explode | None = None
    problem: str = "null"

    def fits(self, columns: Sequence[str]) -> bool:
        """Whether a file with these columns is one of this format."""
        there = {column.lower() for column in columns}
        return self.needs <= there and (not self.needs_one_of or bool(self.needs_one_of & there))


def quoted_name(column: str) -> str:
    """A column as SQL."""
    return '"' + column.replace('"', '""') + '"'
