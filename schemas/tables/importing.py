"""Where training rows came from."""

from __future__ import annotations

from schemas.spec import Column, TableSpec
from schemas.tables.columns import INT64, TEXT, required

ORIGINS = TableSpec(
    name="origins",
    doc="Where a sample came from: the row of a dataset's file, and what it said beside the conversation.",
    key=("sample_id", "dataset", "source_row"),
    columns=(
        required("sample_id", TEXT, "the sample"),
        required("dataset", TEXT, "name of the dataset or of its sub-set"),
        required("source_row", INT64, "line of the row in a jsonl or csv file, else its number, from 1"),
        required("source", TEXT, "the file and the line"),
        required("format", TEXT, "the format that it was read from"),
        Column("task", TEXT, "what the dataset calls its task: caption, conversation, vqa, …"),
        Column("own_key", TEXT, "the row's own name"),
        Column("media", TEXT, "what the messages show: video · image · text · mixed"),
        Column("given", TEXT, "JSON: everything else that the row said"),
    ),
)
