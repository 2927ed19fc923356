"""What captions and answers are worth."""

from __future__ import annotations

import pyarrow as pa

from schemas.spec import Column, TableSpec
from schemas.tables.columns import FLOAT, INT32, TEXT, required

EVENTS = TableSpec(
    name="events",
    doc="One event that a text tells.",
    key=("benchmark", "sample_id", "side", "event_index"),
    columns=(
        required("benchmark", TEXT, "the benchmark"),
        required("sample_id", TEXT, "its sample"),
        required("side", TEXT, "reference, or the model whose text it is"),
        required("event_index", INT32, "place in the text, from 0"),
        required("event", TEXT, "the event"),
    ),
)
ENTAILMENTS = TableSpec(
    name="entailments",
    doc="One judgement: does a text entail an event?",
    key=("benchmark", "sample_id", "side", "event_index", "judge", "prompt_id"),
    columns=(
        required("benchmark", TEXT, "the benchmark"),
        required("sample_id", TEXT, "its sample"),
        required("side", TEXT, "whose event it is"),
        required("event_index", INT32, "which event"),
        Column("label", TEXT, "entailment · neutral · contradiction; null: the judgement failed"),
        required("judge", TEXT, "who judged"),
        required("prompt_id", TEXT, "which prompt was used"),
    ),
)
SCORES = TableSpec(
    name="scores",
    doc="One figure of one model on one benchmark, with its judge, coverage and interval.",
    key=("benchmark", "model", "metric", "judge"),
    columns=(
        required("benchmark", TEXT, "the benchmark"),
        required("model", TEXT, "the model"),
        required("metric", TEXT, "what is measured"),
        required("judge", TEXT, "who judged; 'none' for a metric without judge"),
        Column("value", pa.float64(), "the figure; null: it could not be computed"),
        Column("low", pa.float64(), "lower end of the 95 % interval"),
        Column("high", pa.float64(), "upper end"),
        Column("coverage", FLOAT, "share of the samples that count in it"),
    ),
)
