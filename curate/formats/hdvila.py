"""HD-VILA-100M's and HD-VG-130M's jsonl: a line a video, its clips inside, in HD-VG each with scenes inside."""

from curate.formats.format import Field, Format

_CLIP = (
    '[{"clip_id": "VARCHAR", "span": ["VARCHAR"], '
    '"scene_split": [{"clip_id": "VARCHAR", "caption": "VARCHAR", "scene_cut": ["BIGINT"]}]}]'
)
_URL = Field("coalesce(nullif(trim(url), ''), watch_url(video_id))", "url")
_KEY = Field("coalesce(youtube_id(url), video_id)", "video_id")


def formats(columns: frozenset[str]) -> tuple[Format, ...]:
    """The one format; HD-VG's scenes are frames within HD-VILA's clips."""
    return (
        Format(
            "hdvila",
            "HD-VILA-100M / HD-VG-130M",
            frozenset({"video_id", "url", "clip"}),
            _URL,
            _KEY,
            own_key="regexp_replace(coalesce(scene.clip_id, one_clip.clip_id), '[.](mp4|webm|mkv)$', '')",
            start=Field("one_clip.span[1]", "clip.span"),
            end=Field("one_clip.span[2]", "clip.span"),
            frames=Field("scene.scene_cut::varchar", "clip.scene_split.scene_cut"),
            explode=_a_row_a_scene,
            problem="case when one_clip is null then 'clip: not a list of clips' "
            "when coalesce(len(one_clip.span), 0) <> 2 then 'clip.span: not two times' end",
        ),
    )


def _a_row_a_scene(rows: str) -> str:
    """One row a scene; a clip without scenes is one row. Of `clip`, a row keeps its own part: the rest is other
    rows'."""
    own = "to_json({'clip_id': one_clip.clip_id, 'span': one_clip.span, 'scene': scene})::varchar"
    return f"""
        select * replace ({own} as clip) from (
            select *, unnest(case when len(one_clip.scene_split) > 0 then one_clip.scene_split else [null] end) as scene
            from (
                select *, unnest(case when len(clips) > 0 then clips else [null] end) as one_clip
                from (select *, json_transform(case when json_valid(clip) then clip end, '{_CLIP}') as clips from
                ({rows}))
            )
        )
    """
