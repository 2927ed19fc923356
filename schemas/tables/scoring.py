"""What captions and answers are worth."""

from __future__ import annotations

import pyarrow as pa

from schemas.spec import Column, TableSpec
from schemas.tables.columns import FLOAT, INT32, TEXT, required

SIDES = ("reference", "prediction")
EVENTS = TableSpec(
    name="events",
    doc="One event that a text tells.",
    key=("benchmark", "sample_id", "side", "model", "extracted_by", "event_index"),
    columns=(
        required("benchmark", TEXT, "the benchmark"),
        required("sample_id", TEXT, "its sample"),
        required("side", TEXT, "whose text tells it: reference · prediction"),
        required("model", TEXT, "the model whose captions are scored"),
        required("extracted_by", TEXT, "annotators, or the judge that found it"),
        required("event_index", INT32, "place in the text, from 0"),
        required("event", TEXT, "the event"),
    ),
    rules={"side_is_known": "side in ('reference', 'prediction')"},
)
ENTAILMENTS = TableSpec(
    name="entailments",
    doc="One judgement: does the other side's text entail an event? Of reference events it is recall, else precision.",
    key=("benchmark", "sample_id", "side", "model", "event_index", "judge", "protocol", "prompt_id"),
    columns=(
        required("benchmark", TEXT, "the benchmark"),
        required("sample_id", TEXT, "its sample"),
        required("side", TEXT, "whose event it is: reference · prediction"),
        required("model", TEXT, "the model whose captions are scored"),
        required("event_index", INT32, "which event"),
        Column("label", TEXT, "entailment · neutral · contradiction; null: the judgement failed"),
        required("judge", TEXT, "who judged, with its revision behind a @"),
        required("protocol", TEXT, "open · official"),
        required("prompt_id", TEXT, "which prompt was used; none: the judge needs none"),
    ),
    rules={"side_is_known": "side in ('reference', 'prediction')"},
)
SCORES = TableSpec(
    name="scores",
    doc="One figure of one model on one benchmark, with its judge, coverage and interval.",
    key=("benchmark", "subset", "model", "metric", "judge", "protocol"),
    columns=(
        required("benchmark", TEXT, "the benchmark"),
        required("subset", TEXT, "a part of it; all: the whole"),
        required("model", TEXT, "the model"),
        required("metric", TEXT, "what is measured"),
        required("judge", TEXT, "who judged, with its revision behind a @; none for a metric without judge"),
        required("protocol", TEXT, "open · official"),
        Column("value", pa.float64(), "the figure; null: it could not be computed"),
        Column("low", pa.float64(), "lower end of the 95 % interval"),
        Column("high", pa.float64(), "upper end"),
        Column("coverage", FLOAT, "share of the samples that count in it"),
        Column("success", INT32, "samples that count in it"),
        Column("failed", INT32, "samples that do not"),
        Column("prompts", TEXT, "ids and hashes of the prompts that made it"),
    ),
)
