"""What models say about clips."""

from __future__ import annotations

import pyarrow as pa

from schemas.spec import Column, TableSpec
from schemas.tables.columns import FLOAT, INT32, INT64, TEXT, required

CAPTIONS = TableSpec(
    name="captions",
    doc="One text about one clip.",
    key=("caption_id",),
    columns=(
        required("caption_id", TEXT, "hash of clip, kind, segment, model, prompt and sample number"),
        required("clip_id", TEXT, "the clip; a request_id for a given text, until the clip is there"),
        required("kind", TEXT, "segment · raw · refined · rewritten · dense · grounded · given · student · …"),
        Column("segment", INT32, "number of the segment, from 0; null: the whole clip"),
        Column("sample", INT32, "number of the sample among several of the same request, from 0"),
        required("text", TEXT, "the caption"),
        required("model", TEXT, "who wrote it"),
        Column("weights_hash", TEXT, "identity of the weights"),
        Column("prompt_id", TEXT, "which prompt was used"),
        Column("parents", pa.list_(TEXT), "captions that it was made from"),
        Column("frame_times_us", pa.list_(INT64), "times of the frames that the model saw"),
        Column("prompt_tokens", INT32, "tokens read"),
        Column("output_tokens", INT32, "tokens written"),
        Column("output_ids", pa.list_(INT32), "the tokens written, in the model's vocabulary; null: not kept"),
        Column("top_ids", pa.list_(pa.list_(INT32)), "for each token written the likeliest tokens, likeliest first"),
        Column("top_logprobs", pa.list_(pa.list_(FLOAT)), "their log-probabilities (natural logarithm)"),
        Column("finish_reason", TEXT, "why the model stopped"),
        Column("seconds", FLOAT, "how long it took"),
    ),
    rules={"text_is_not_blank": "length(trim(text)) > 0"},
)
ANSWERS = TableSpec(
    name="answers",
    doc="One answer of a model to one question about one clip.",
    key=("clip_id", "question_id", "model"),
    columns=(
        required("clip_id", TEXT, "the clip"),
        required("question_id", TEXT, "which question"),
        required("model", TEXT, "who answered"),
        Column("answer", TEXT, "the answer as one of the question's choices; null: none could be read"),
        Column("raw_text", TEXT, "what the model wrote"),
    ),
)
