"""What students learn from."""

from __future__ import annotations

import pyarrow as pa

from schemas.spec import Column, TableSpec
from schemas.tables.columns import FLOAT, TEXT, one_of, required

SPLITS = ("train", "validation", "test")

SAMPLES = TableSpec(
    name="samples",
    doc="One training row.",
    key=("sample_id",),
    columns=(
        required("sample_id", TEXT, "hash of messages and media"),
        required("messages", TEXT, "JSON: the conversation, media named by their place"),
        Column("dataset", TEXT, "name of the set that it belongs to; mixtures are made of them"),
        Column("task", TEXT, "what it teaches: caption · grounded · frame_order · tracking · multi_image · …"),
        Column("video_ids", pa.list_(TEXT), "videos that the messages show, in order; they decide the split"),
        Column("clip_ids", pa.list_(TEXT), "clips that the messages speak of, in order"),
        Column("caption_ids", pa.list_(TEXT), "captions that it was made from"),
        Column("split", TEXT, " · ".join(SPLITS)),
    ),
    rules={"known_split": one_of("split", SPLITS), "messages_are_a_list": "messages like '[%'"},
)
PAIRS = TableSpec(
    name="pairs",
    doc="One preference: of two answers to the same messages one is better, and why.",
    key=("pair_id",),
    columns=(
        required("pair_id", TEXT, "hash of sample and both answers"),
        required("sample_id", TEXT, "the sample: the messages up to the answer"),
        required("chosen", TEXT, "the better answer"),
        required("rejected", TEXT, "the worse one"),
        Column("dataset", TEXT, "name of the set that it belongs to"),
        Column("reason", TEXT, "why: the corruption under which the worse one was written, or what was asked of both"),
        Column("recall_gain", FLOAT, "recall of the better answer less that of the worse one"),
        Column("precision_gain", FLOAT, "the same of precision"),
        Column("split", TEXT, " · ".join(SPLITS)),
    ),
    rules={"answers_differ": "chosen <> rejected", "known_split": one_of("split", SPLITS)},
)
