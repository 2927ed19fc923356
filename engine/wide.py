"""The wide views: `clip`, one row a clip with all that is known of it, and `caption`, one row a text."""

from __future__ import annotations

import re

from engine.catalogue import DERIVED, Snapshot
from engine.parts import content_of
from schemas.spec import PROVENANCE
from schemas.tables import CAPTIONS, CLIPS, MEASURES, VIDEOS, WITHDRAWN_BY

CAPTION_KINDS = ("raw", "refined", "rewritten", "dense", "given")
CLIP_TABLES = (
    "clips", "scans", "measures", "flows", "ocr_texts", "videos", "captions", "selections", "funnels", "duplicates",
    "dedups", "rejects",
)  # fmt: skip
_PROVENANCE = {field.name for field in PROVENANCE}
_OWN = {column.name for column in (*CLIPS.columns, *MEASURES.columns)}
_NOT_FOR_PEOPLE = {"signature", "signature_us"}  # large, and of no use but to `curate dedup`
_OF_THE_FILE = {"bytes", "duration_us", "warnings", "source_stamp", "retrieved_at"}
_DERIVED = re.compile(rf"^{DERIVED}/clip-([0-9a-f]{{16}})-(\d+)of(\d+)-([0-9a-f]{{16}})\.parquet$")

_UNSHOWN = {"clip_id", "video_id"} | _NOT_FOR_PEOPLE
_SECONDS = "(c.end_us - c.start_us) / 1e6 as seconds"
_FLOW = "coalesce(f.flow_lvd, m.flow_raft_lvd) as flow_raft_lvd"
_FPS = "v.fps_num / v.fps_den as fps"


def _video_columns() -> list[str]:
    """Columns of a video under its own names; `video_…` where a clip has one of that name, or might be meant."""
    names = [column.name for column in VIDEOS.columns if column.name != "video_id"]
    return [f"v.{n} as video_{n}" if n in _OWN or n in _OF_THE_FILE else f"v.{n}" for n in names]


def clip_columns() -> list[str]:
    """What `clip` selects of c (clips), m (measures), f (flows), o (ocr_texts), v (videos), s (scans), t (texts), n
    (selections) and d (duplicates)."""
    return [
        *(f"c.{column.name}" for column in CLIPS.columns),
        _SECONDS,
        *(
            _FLOW if column.name == "flow_raft_lvd" else f"m.{column.name}"
            for column in MEASURES.columns
            if column.name not in _UNSHOWN
        ),
        *("o.ocr_text", "o.ocr_text_share"),
        *_video_columns(),
        _FPS,
        "s.detector",
        *(f"t.{kind}_caption" for kind in CAPTION_KINDS),
        "coalesce(n.selections, []) as selections",
        *("d.group_id as duplicate_group", "d.group_size as duplicates", "d.is_keeper"),
        *(f"c.{name}" for name in sorted(_PROVENANCE)),
    ]


def clip_sql(snapshot: Snapshot, within: str = "true") -> str:
    """The live `clip`: joins of the current rows of its tables, for the clips that keep a condition on clip_id."""
    return f"""
        select {", ".join(clip_columns())}
        from (select * from clips where {within}) c
        left join (select * from measures where {within}) m on m.clip_id = c.clip_id
        left join ({_flows_sql(snapshot, within)}) f on f.clip_id = c.clip_id
        left join ({_read_sql(snapshot, within)}) o on o.clip_id = c.clip_id
        left join videos v on v.video_id = c.video_id
        left join scans s on s.video_id = c.video_id
        left join ({_texts_sql(snapshot, within)}) t on t.clip_id = c.clip_id
        left join ({_names_sql(snapshot, within)}) n on n.clip_id = c.clip_id
        left join (select * from duplicates where method = 'signature' and {within}) d on d.clip_id = c.clip_id
    """


def _flows_sql(snapshot: Snapshot, within: str) -> str:
    """The newest score of a flow network, a row a clip."""
    if not snapshot.parts("flows"):
        return "select null::varchar as clip_id, null::float as flow_lvd where false"
    return f"select clip_id, arg_max(flow_lvd, created_at) as flow_lvd from flows where {within} group by clip_id"


def _read_sql(snapshot: Snapshot, within: str) -> str:
    """What was read last in the pictures, a row a clip."""
    if not snapshot.parts("ocr_texts"):
        return "select null::varchar as clip_id, null::varchar as ocr_text, null::float as ocr_text_share where false"
    return (
        "select clip_id, arg_max_null(text, created_at) as ocr_text, arg_max(text_share, created_at) as ocr_text_share "
        f"from ocr_texts where {within} group by clip_id"
    )


def _texts_sql(snapshot: Snapshot, within: str) -> str:
    """The newest whole-clip text of each kind, a row a clip.

    From all rows ever written: the newest of a clip and kind is the newest of its key too, and finding it here saves
    finding the newest of each key first.
    """
    if not snapshot.parts("captions"):
        nothing = ", ".join(f"null::varchar as {kind}_caption" for kind in CAPTION_KINDS)
        return f"select null::varchar as clip_id, {nothing} where false"
    source = "captions" if snapshot.is_current(CAPTIONS) else "history.captions"
    texts = ", ".join(
        f"arg_max(text, created_at) filter (where kind = '{kind}') as {kind}_caption" for kind in CAPTION_KINDS
    )
    kinds = ", ".join(f"'{kind}'" for kind in CAPTION_KINDS)
    return (
        f"select clip_id, {texts} from {source} t where segment is null and coalesce(sample, 0) = 0 "
        f"and kind in ({kinds}) and {within} and {unwithdrawn_sql('captions', 't')} group by clip_id"
    )


def unwithdrawn_sql(table: str, row: str) -> str:
    """A condition on a row of a table, by its name in the query: no later reject withdraws it."""
    key, reason = WITHDRAWN_BY[table]
    return (
        f"not exists (select 1 from history.rejects w where w.reason = '{reason}' and w.key = {row}.{key} "
        f"and w.created_at >= {row}.created_at)"
    )


def _names_sql(snapshot: Snapshot, within: str) -> str:
    """The selections that hold a clip, a row a clip."""
    if not snapshot.parts("selections"):
        return "select null::varchar as clip_id, null::varchar[] as selections where false"
    return (
        "select clip_id, list(selection order by selection) as selections "
        f"from selections where {within} group by clip_id"
    )


def caption_sql() -> str:
    """`caption`: every text of a current clip with where and how long it is."""
    return f"""
        select t.*, c.video_id, c.request_id, c.start_us, c.end_us, {_SECONDS.replace("seconds", "clip_seconds")},
            c.num_frames, c.origin, v.video_key, v.uri, v.codec, v.display_width, v.display_height, {_FPS}
        from captions t join clips c on c.clip_id = t.clip_id left join videos v on v.video_id = c.video_id
    """


def clip_state(snapshot: Snapshot) -> str:
    """16 hex digits over all that `clip` depends on: live parts and its own definition."""
    text = "\n".join([snapshot.state_of(*CLIP_TABLES), *clip_columns(), *CAPTION_KINDS])
    return content_of([text.encode()])


def derived_name(state: str, index: int, count: int, content: str) -> str:
    """Name of slice `index` of `count` of the `clip` that is written down."""
    return f"{DERIVED}/clip-{state}-{index:04d}of{count:04d}-{content}.parquet"


def derived_state(name: str) -> str | None:
    """The state in the name of a slice; None for any other name."""
    match = _DERIVED.match(name)
    return match[1] if match else None


def derived_content(name: str) -> str | None:
    """The hash in the name of a slice; None for any other name."""
    match = _DERIVED.match(name)
    return match[4] if match else None


def derived_clip_of(snapshot: Snapshot) -> list[str]:
    """The slices of a `clip` written down in exactly this state; empty where there is none or one is missing."""
    state, slices, count = clip_state(snapshot), {}, 0
    for name in snapshot.derived:
        match = _DERIVED.match(name)
        if match and match[1] == state:
            slices[int(match[2])] = name
            count = int(match[3])
    return [slices[index] for index in range(count)] if count and len(slices) == count else []
