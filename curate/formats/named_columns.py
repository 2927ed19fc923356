"""Datasets whose rows are plain: one column each for the video, its start and its end."""

from curate.formats.format import NOTHING, Field, Format, quoted_name

_URL_COLUMNS = ("url", "contenturl", "video_url", "videoloc", "link", "video_link")
_ID_COLUMNS = ("video_key", "video_id", "videoid", "youtube_id", "youtubeid", "ytid")
_STARTS = ("start", "start_time", "start_timestamp", "start_sec", "start_seconds")
_ENDS = ("end", "end_time", "end_timestamp", "end_sec", "end_seconds")
_OWN_KEYS = ("key", "clip_id", "id", "name_of_clip")
_CLIP_LISTS = ("clips", "timestamps", "spans")


def formats(columns: frozenset[str]) -> tuple[Format, ...]:
    """InternVid, WebVid, OpenVid, VideoChat2-IT and any table with a column of urls, the more particular first."""
    return (_internvid(), _webvid(), _openvid(), _videochat2(columns), *_url_table(columns))


def _internvid() -> Format:
    return Format(
        "internvid",
        "InternVid",
        frozenset({"youtubeid", "start_timestamp", "end_timestamp"}),
        Field("watch_url(youtubeid)", "YoutubeID"),
        Field("youtubeid", "YoutubeID"),
        own_key="youtubeid || '_' || start_timestamp || '_' || end_timestamp",
        start=Field("start_timestamp", "Start_timestamp"),
        end=Field("end_timestamp", "End_timestamp"),
    )


def _webvid() -> Format:
    return Format(
        "webvid",
        "WebVid",
        frozenset({"videoid", "contenturl"}),
        Field("contenturl", "contentUrl"),
        Field("coalesce(youtube_id(contenturl), videoid)", "videoid"),
        own_key="videoid",
    )


def _openvid() -> Format:
    return Format(
        "openvid",
        "OpenVid-1M",
        frozenset({"video", "caption", "aesthetic score", "motion score"}),
        Field("null::varchar", "video"),
        Field("video", "video"),
        own_key="regexp_replace(video, '[.][A-Za-z0-9]{2,4}$', '')",
    )


def _videochat2(columns: frozenset[str]) -> Format:
    has_span = {"start", "end"} <= columns
    return Format(
        "videochat2_it",
        "VideoChat2-IT",
        frozenset({"video", "qa"}),
        Field("null::varchar", "video"),
        Field("video", "video"),
        start=Field('"start"', "start") if has_span else NOTHING,
        end=Field('"end"', "end") if has_span else NOTHING,
    )


def _url_table(columns: frozenset[str]) -> tuple[Format, ...]:
    """video2dataset's tables and others like them."""
    url = _first(_URL_COLUMNS, columns)
    if url is None:
        return ()
    return (table_of({
        "url": url,
        "video_key": _first(_ID_COLUMNS, columns),
        "start": _first(_STARTS, columns) if _first(_ENDS, columns) else None,
        "end": _first(_ENDS, columns) if _first(_STARTS, columns) else None,
        "key": _first(_OWN_KEYS, columns),
        "spans": _first(_CLIP_LISTS, columns),
    }),)  # fmt: skip


MEANINGS = ("url", "video_key", "key", "start", "end", "span", "spans")


def table_of(named: dict[str, str | None]) -> Format:
    """A table whose columns a person named: `MEANINGS` by column. `span` is a list of two times, `spans` of such
    lists."""
    column = {meaning: quoted_name(name) for meaning, name in named.items() if name}
    url = column.get("url", "null::varchar")
    video_key = f"coalesce(youtube_id({url}), {column.get('video_key', 'null::varchar')}, {url})"
    start, end = named.get("start") or "", named.get("end") or ""
    fields = (Field(column.get("start", "null"), start), Field(column.get("end", "null"), end))
    own_key, explode, problem = column.get("key", "null"), None, "null"
    if "span" in column:
        fields = _listed(column["span"], named["span"] or "")
        problem = f"case when len(listed({column['span']})) <> 2 then '{named['span']}: not a list of two times' end"
    elif "spans" in column:
        fields = (Field("one_span[1]", named["spans"] or ""), Field("one_span[2]", named["spans"] or ""))
        explode = _exploding(column["spans"])
        own_key = f"{own_key} || '_' || (span_number - 1)"
    return Format(
        "url_table", "a table of urls", frozenset(), Field(url, named.get("url") or "url"),
        Field(video_key, named.get("video_key") or named.get("url") or "url"),
        own_key=own_key, start=fields[0], end=fields[1], explode=explode, problem=problem,
    )  # fmt: skip


def _listed(column: str, name: str) -> tuple[Field, Field]:
    return Field(f"listed({column})[1]", name), Field(f"listed({column})[2]", name)


def _exploding(column: str):
    def explode(rows: str) -> str:
        return f"""
            select *, unnest(range(1, len(all_spans) + 1)) as span_number, unnest(all_spans) as one_span from (
                select *, case when coalesce({column}, '') in ('', '[]') then [null] else listed_pairs({column}) end
                    as all_spans from ({rows})
            )
        """

    return explode


def _first(names: tuple[str, ...], columns: frozenset[str]) -> str | None:
    return next((name for name in names if name in columns), None)
