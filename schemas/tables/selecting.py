"""Which clips are wanted: named results of queries, and near-duplicates."""

from __future__ import annotations

import pyarrow as pa

from schemas.spec import Column, CommittedBy, TableSpec
from schemas.tables.columns import BOOL, FLOAT, INT32, INT64, TEXT, required

SELECTIONS = TableSpec(
    name="selections",
    doc="A named, frozen query result; the SQL and the state of the catalogue stand in the part's footer.",
    key=("selection", "clip_id"),
    columns=(
        required("selection", TEXT, "name of the selection"),
        required("clip_id", TEXT, "a clip that it holds"),
        required("rank", INT64, "place of the clip in the selection, from 1"),
    ),
    rules={"ranks_count_from_one": "rank >= 1"},
    committed_by=CommittedBy("funnels", ("selection",)),
)
FUNNELS = TableSpec(
    name="funnels",
    doc="What each condition of a selection turns away; a selection counts from its funnel on.",
    key=("selection", "step"),
    columns=(
        required("selection", TEXT, "name of the selection"),
        required("step", INT32, "place of the condition, 0 is every clip before the first one"),
        required("condition", TEXT, "name of the condition"),
        required("sql", TEXT, "the condition itself"),
        required("clips_unmeasured", INT64, "clips for which the condition is null; they are turned away"),
        required("clips_turned_away_alone", INT64, "clips that this condition alone would turn away"),
        required("hours_turned_away_alone", pa.float64(), "their hours"),
        required("clips_left", INT64, "clips that pass this condition and all before it"),
        required("hours_left", pa.float64(), "their hours"),
    ),
    rules={"counts_are_not_negative": "clips_left >= 0 and clips_turned_away_alone >= 0"},
    committed_by=CommittedBy("funnels", ("selection",)),
)
DUPLICATES = TableSpec(
    name="duplicates",
    doc="The place of one clip among near-duplicates: the clips that show the same footage, and the one to keep.",
    key=("method", "clip_id"),
    columns=(
        required("method", TEXT, "how the clips were compared: signature"),
        required("clip_id", TEXT, "the clip"),
        required("group_id", TEXT, "clip_id of the one to keep of its group; its own where it stands alone"),
        required("group_size", INT32, "clips in the group, 1 for a clip without duplicates"),
        required("is_keeper", BOOL, "whether it is the one to keep"),
        required("reason", TEXT, "what the one to keep has more of than the next best; only one: it stands alone"),
        Column("agreement", FLOAT, "correlation with the one to keep: of what moves, or of pictures that stand still"),
        Column("speed", FLOAT, "how many times as fast it runs; null for the one to keep"),
        Column("offset_us", INT64, "its time at the start of the one to keep, from its own start"),
        Column("mirrored", BOOL, "whether it is mirrored against the one to keep"),
    ),
    rules={"group_has_members": "group_size >= 1", "keeper_names_its_group": "is_keeper = (group_id = clip_id)"},
    committed_by=CommittedBy("dedups", ("method",)),
)
DEDUPS = TableSpec(
    name="dedups",
    doc="One finished search for near-duplicates; its rows of duplicates count from this row on.",
    key=("method",),
    columns=(
        required("method", TEXT, "how the clips were compared"),
        required("num_clips", INT64, "clips that were compared"),
        required("num_groups", INT64, "groups of two clips or more"),
        required("num_extra", INT64, "clips that are in a group and not the one to keep"),
        required("seconds", FLOAT, "how long the search took"),
        required("restriction", TEXT, "SQL over the columns of clip that the compared clips meet"),
    ),
    rules={"counts_are_not_negative": "num_clips >= 0 and num_groups >= 0 and num_extra >= num_groups"},
    committed_by=CommittedBy("dedups", ("method",)),
)
