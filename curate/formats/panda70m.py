"""Panda-70M's csv, and Koala-36M's, which has its columns: a row a video (or a clip), with lists of spans and texts."""

from curate.formats.format import Field, Format

_LISTS = ("caption", "matching_score", "desirable_filtering", "shot_boundary_detection")


def formats(columns: frozenset[str]) -> tuple[Format, ...]:
    """The one format, for a file with these columns (lower case)."""
    has_url = "url" in columns
    url = "coalesce(nullif(trim(url), ''), watch_url(videoid))" if has_url else "watch_url(videoid)"
    key = "coalesce(youtube_id(url), videoid)" if has_url else "videoid"
    return (
        Format(
            "panda70m",
            "Panda-70M",
            frozenset({"videoid", "timestamp"}),
            Field(url, "url"),
            Field(key, "videoID"),
            own_key="case when num_clips = 1 and not is_listed then videoid "
            "else videoid || '.' || (clip_number - 1) end",
            start=Field("clip_span[1]", "timestamp"),
            end=Field("clip_span[2]", "timestamp"),
            explode=lambda rows: _a_row_a_clip(rows, [name for name in _LISTS if name in columns]),
            problem="case when clip_span is null or len(clip_span) <> 2 then "
            "'timestamp: not a list of pairs of times: ' || coalesce(timestamp, 'missing') end",
        ),
    )


def _a_row_a_clip(rows: str, lists: list[str]) -> str:
    """One row a span; a list that has an entry for each span is replaced by this span's entry."""
    sliced = ", ".join(
        f"case when len(listed({name})) = num_clips and is_listed then listed({name})[clip_number] "
        f"else {name} end as {name}"
        for name in lists
    )
    replaced = f" replace ({sliced})" if sliced else ""
    return f"""
        select *{replaced} from (
            select *, unnest(spans) as clip_span, unnest(range(1, len(spans) + 1)) as clip_number, len(spans) as
            num_clips from (
                select *, case when len(listed_pairs(timestamp)) > 0 then listed_pairs(timestamp) else [null] end as
                spans,
                    regexp_matches(timestamp, '^\\s*[\\[(]\\s*[\\[(]') as is_listed
                from ({rows})
            )
        )
    """
