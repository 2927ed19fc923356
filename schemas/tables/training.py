"""What students learn from."""

from __future__ import annotations

import pyarrow as pa

from schemas.spec import Column, TableSpec
from schemas.tables.columns import TEXT, required

SAMPLES = TableSpec(
    name="samples",
    doc="One training row.",
    key=("sample_id",),
    columns=(
        required("sample_id", TEXT, "hash of messages and media"),
        required("messages", TEXT, "JSON: the conversation, media named by their place"),
        Column("clip_ids", pa.list_(TEXT), "clips that the messages speak of, in order"),
        Column("caption_ids", pa.list_(TEXT), "captions that it was made from"),
        Column("split", TEXT, "train · validation · test"),
    ),
)
PAIRS = TableSpec(
    name="pairs",
    doc="One preference: of two answers to the same messages one is better, and why.",
    key=("pair_id",),
    columns=(
        required("pair_id", TEXT, "hash of sample and both answers"),
        required("sample_id", TEXT, "the sample"),
        required("chosen", TEXT, "the better answer"),
        required("rejected", TEXT, "the worse one"),
        Column("reason", TEXT, "why"),
    ),
)
