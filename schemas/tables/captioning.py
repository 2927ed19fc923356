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
        Column("segment_start_us", INT64, "where the segment begins in the video; null: the whole clip"),
        Column("segment_end_us", INT64, "where it ends"),
        Column("sample", INT32, "number of the sample among several of the same request, from 0"),
        required("text", TEXT, "the caption"),
        required("model", TEXT, "who wrote it"),
        Column("weights_hash", TEXT, "identity of the weights"),
        Column("prompt_id", TEXT, "which prompt was used"),
        Column("parents", pa.list_(TEXT), "captions that it was made from"),
        Column("temperature", FLOAT, "0: greedy"),
        Column("seed", INT64, "of the choice of tokens where the temperature is not 0"),
        Column("attempt", INT32, "0: the first try; later ones had another seed, length or number of frames"),
        Column("frame_times_us", pa.list_(INT64), "times of the frames that the model saw"),
        Column("prompt_tokens", INT32, "tokens read"),
        Column("vision_tokens", INT32, "those of them that stand for pictures, where the engine knows"),
        Column("output_tokens", INT32, "tokens written"),
        Column("output_ids", pa.list_(INT32), "the tokens written, in the model's vocabulary; null: not kept"),
        Column("top_ids", pa.list_(pa.list_(INT32)), "for each token written the likeliest tokens, likeliest first"),
        Column("top_logprobs", pa.list_(pa.list_(FLOAT)), "their log-probabilities (natural logarithm)"),
        Column("finish_reason", TEXT, "why the model stopped"),
        Column("seconds", FLOAT, "how long it took"),
        Column("engine", TEXT, "transformers · openai"),
        Column("settings", TEXT, "JSON: what else the text depends on: dtype, device, chat template, resizer, server"),
        Column("num_words", INT32, "words of the text"),
        Column("repeated_share", FLOAT, "share of the text that only repeats what stands just before it, 0 to 1"),
        Column("function_word_share", FLOAT, "share of words that are English function words; prose has 0.3 to 0.5"),
        Column("echo_share", FLOAT, "share of the text's runs of five words that stand in the prompt, 0 to 1"),
        Column("text_hash", INT64, "equal for texts that differ only in case, digits and punctuation"),
        Column("text_bands", pa.list_(INT64), "eight hashes of the text; texts that say nearly the same share two"),
        Column("event_start_us", pa.list_(INT64), "grounded: where each event that the text tells begins in the video"),
        Column("event_end_us", pa.list_(INT64), "grounded: where it ends"),
        Column("event_texts", pa.list_(TEXT), "grounded: the events"),
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
        Column("weights_hash", TEXT, "identity of the weights"),
        Column("attempt", INT32, "0: the first try"),
        Column("frame_times_us", pa.list_(INT64), "times of the frames that the model saw"),
        Column("prompt_tokens", INT32, "tokens read"),
        Column("output_tokens", INT32, "tokens written"),
        Column("finish_reason", TEXT, "why the model stopped"),
        Column("seconds", FLOAT, "how long it took"),
    ),
)
