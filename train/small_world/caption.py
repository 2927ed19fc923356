"""A model's captions of a catalogue's stories, with the tokens that logit distillation learns from."""

from __future__ import annotations

from collections import Counter
from typing import Any

from engine.catalogue import Catalogue, now, tool_version
from engine.views import quoted
from engine.write import write
from model.captioner import video_request
from model.engines.transformers_engine import EngineSettings, TransformersCaptioner
from model.load import LoadedModel
from schemas.ids import content_id, fingerprint_of
from train.build_samples import PROMPT

STAGE = "small_world.caption"
VERSION = 1
WRITE_ROWS = 256


def caption_stories(
    catalogue: Catalogue, model: LoadedModel, name: str, split: str, *, top: int = 8, limit: int | None = None
) -> Counter[str]:
    """Captions of kind `raw` by `name` for the films of a split that have none yet; top: kept tokens a place."""
    fingerprint = fingerprint_of(STAGE, VERSION, {"top": top, "prompt": PROMPT}, [model.weights])
    sql = f"""select t.clip_id, v.uri from captions t join clips c on c.clip_id = t.clip_id
        join videos v on v.video_id = c.video_id
        where t.kind = 'given' and t.model = {quoted(f"truth/{split}")} and t.clip_id not in
            (select clip_id from captions where kind = 'raw' and model = {quoted(name)}
                and fingerprint = {quoted(fingerprint)})
        order by 1 limit {limit if limit is not None else "all"}"""
    with catalogue.connect() as connection:
        clips = connection.execute(sql).fetchall()
    requests = (
        video_request(clip_id, uri, PROMPT, root=catalogue.url, max_new_tokens=80, top_logprobs=top)
        for clip_id, uri in clips
    )
    counts: Counter[str] = Counter()
    rows: list[dict[str, Any]] = []
    for answer in TransformersCaptioner(model, EngineSettings(workers=0)).caption(requests):
        text = (answer.text or "").strip()
        if not text:
            counts["turned away"] += 1
            continue
        counts["captions"] += 1
        rows.append(
            {
                "caption_id": content_id(answer.request_id, "raw", None, name, fingerprint, 0),
                "clip_id": answer.request_id, "kind": "raw", "text": text, "model": name,
                "weights_hash": model.weights, "prompt_id": "story", "output_tokens": answer.output_tokens,
                "output_ids": list(answer.output_ids), "top_ids": [list(one.top_ids) for one in answer.logprobs],
                "top_logprobs": [[logprob for _, logprob in one.top] for one in answer.logprobs],
                "finish_reason": answer.finish_reason,
                "fingerprint": fingerprint, "tool_version": tool_version(), "created_at": now(),
            }
        )  # fmt: skip
        if len(rows) == WRITE_ROWS:
            write(catalogue, {"captions": rows}, stage=STAGE)
            rows = []
    write(catalogue, {"captions": rows}, stage=STAGE)
    return counts
