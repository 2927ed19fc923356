"""What was turned away."""

from __future__ import annotations

from schemas.spec import Column, TableSpec
from schemas.tables.columns import BOOL, TEXT, required

REJECTS = TableSpec(
    name="rejects",
    doc="A row that was turned away: by which stage, for which named reason.",
    key=("stage", "key"),
    columns=(
        required("stage", TEXT, "the stage that turned it away"),
        required("key", TEXT, "key of its input row: a uri for add, a video_id for scan"),
        required("reason", TEXT, "why, by name"),
        Column("detail", TEXT, "what exactly was wrong"),
        required("permanent", BOOL, "true: trying the same again cannot help"),
        Column("source_stamp", TEXT, "what the input looked like; when it changes, the row is due again"),
        Column("video_key", TEXT, "the video's name, where there is one"),
    ),
)
