"""LVD-2M's three files: https://github.com/SilentView/LVD-2M. Columns by name, lists as Python literals in a string."""

from curate.formats.format import Field, Format

_SAYS_LVD2M = frozenset({"total score", "dataset_src", "raw_caption", "refined_caption", "rewritten_caption"})
_KEY = Field("coalesce({video_id}, youtube_id(url), url)", "video_id")
_URL = Field("url", "url")
_OTHER_ID = "case when {video_id} <> youtube_id(url) then 'video_id: not the id that url names' end"


def formats(columns: frozenset[str]) -> tuple[Format, ...]:
    """The three, for a file with these columns (lower case): the WebVid file has no video_id."""
    video_id = "video_id" if "video_id" in columns else "null::varchar"
    source = "dataset_src" if "dataset_src" in columns else "null::varchar"
    key = Field(_KEY.sql.format(video_id=video_id), _KEY.column)
    other_id = _OTHER_ID.format(video_id=video_id)
    whole_allowed = f"({source} = 'webvid' or youtube_id(url) is null)"
    return (
        Format(
            "lvd2m_hdvg",
            "LVD-2M, clips of HD-VG-130M",
            frozenset({"key", "url", "orig_span", "scene_cut"}),
            _URL,
            key,
            _SAYS_LVD2M,
            "key",
            Field("listed(orig_span)[1]", "orig_span"),
            Field("listed(orig_span)[2]", "orig_span"),
            Field("scene_cut", "scene_cut"),
            problem=f"coalesce({other_id}, {_pair('orig_span')})",
        ),
        Format(
            "lvd2m_ytb",
            "LVD-2M, clips of Panda-70M and InternVid",
            frozenset({"key", "url", "span"}),
            _URL,
            key,
            _SAYS_LVD2M,
            "key",
            Field("listed(span)[1]", "span"),
            Field("listed(span)[2]", "span"),
            problem=f"coalesce({other_id}, case when {_is_blank('span')} and {whole_allowed} then null "
            f"else {_pair('span')} end)",
        ),
        Format(
            "lvd2m_webvid",
            "LVD-2M, videos of WebVid-10M",
            frozenset({"key", "url"}),
            _URL,
            key,
            _SAYS_LVD2M,
            "key",
            problem=other_id,
        ),
    )


def _pair(column: str) -> str:
    return (
        f"case when len(listed({column})) = 2 then null "
        f"else '{column}: not a list of two times: ' || coalesce({column}, 'missing') end"
    )


def _is_blank(column: str) -> str:
    return f"coalesce(trim({column}), '') in ('', '[]', 'nan', 'None')"
