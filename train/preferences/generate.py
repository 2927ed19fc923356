"""What a model says of clips as they are and of the same clips corrupted, as captions that a judge can score."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from engine.catalogue import Catalogue, now, tool_version
from engine.views import quoted
from engine.write import write
from media.errors import MediaError
from media.probe import frame_times_us
from model.captioner import CaptionRequest, CaptionResult
from model.engines.transformers_engine import EngineSettings, TransformersCaptioner
from model.load import LoadedModel
from schemas.ids import content_id, fingerprint_of
from train.build_samples import rows_of
from train.mixture import seed_of
from train.preferences.corruptions import CORRUPTIONS, Corruption, corrupted
from train.sources import question_of

VERSION = 1
STAGE = "train.pairs"
TRUE = "preference_true"  # kinds of captions
CORRUPTED = "preference_corrupted"
WRITE_ROWS = 256


@dataclass(frozen=True)
class AnswerRule:
    """How both answers are sampled; the defaults are the paper's (arXiv 2501.07888, section 3.3)."""

    dataset: str
    corruptions: tuple[Corruption, ...] = CORRUPTIONS
    n_frames: int = 16
    temperature: float = 0.7
    top_p: float = 0.7
    max_new_tokens: int = 512
    seed: int = 0
    split: str = "train"

    def __post_init__(self) -> None:
        if not self.corruptions or set(self.corruptions) - set(CORRUPTIONS):
            raise ValueError(f"corruptions must be some of {', '.join(CORRUPTIONS)}, got {self.corruptions}.")


def write_answers(catalogue: Catalogue, model: LoadedModel, rule: AnswerRule, limit: int | None = None) -> Counter[str]:
    """Two captions a sample of the dataset, one of kind `preference_true`, one of `preference_corrupted` whose
    prompt_id names the corruption and whose parent is the first. Samples that have both are left out."""
    fingerprint = fingerprint_of(STAGE, VERSION, rule, [model.weights])
    stamp = {"fingerprint": fingerprint, "tool_version": tool_version()}
    counts: Counter[str] = Counter()
    plans = {plan["caption_id"]: plan for plan in _plans(catalogue, rule, fingerprint, limit, counts)}
    rows: list[dict[str, Any]] = []
    rejects: list[dict[str, Any]] = []
    captioner = TransformersCaptioner(model, EngineSettings(workers=0))
    for answer in captioner.caption(plan["request"] for plan in plans.values()):
        plan = plans[answer.request_id]
        text = (answer.text or "").strip()
        if not text:
            rejects.append(_reject(answer, plan) | stamp | {"created_at": now()})
            counts["turned away"] += 1
        else:
            rows.append(_caption(answer, text, plan, model) | stamp | {"created_at": now()})
            counts[plan["kind"]] += 1
        if len(rows) >= WRITE_ROWS:
            write(catalogue, {"captions": rows, "rejects": rejects}, stage=STAGE)
            rows, rejects = [], []
    write(catalogue, {"captions": rows, "rejects": rejects}, stage=STAGE)
    return counts


def _plans(
    catalogue: Catalogue, rule: AnswerRule, fingerprint: str, limit: int | None, counts: Counter[str]
) -> Iterator[dict[str, Any]]:
    sql = f"""select sample_id, messages, clip_ids from samples
        where dataset = {quoted(rule.dataset)} and split = {quoted(rule.split)} and len(clip_ids) = 1
        order by sample_id limit {limit if limit is not None else "all"}"""
    with catalogue.connect() as connection:
        known = {
            row[0]
            for row in connection.execute(
                "select caption_id from captions where fingerprint = ?", [fingerprint]
            ).fetchall()
        }
        samples = list(rows_of(connection.sql(sql)))
    for sample in samples:
        random = Random(seed_of(rule.seed, sample["sample_id"], 0))
        kind = random.choice(rule.corruptions)
        question = question_of(json.loads(sample["messages"]))
        try:
            changed = _corrupted_messages(question, kind, rule.n_frames, random, Path(catalogue.url))
        except (ValueError, MediaError, OSError):
            counts["too short or unreadable"] += 1
            continue
        names = {
            TRUE: content_id(sample["sample_id"], TRUE, rule.seed, fingerprint),
            CORRUPTED: content_id(sample["sample_id"], kind, rule.seed, fingerprint),
        }
        for own, messages in ((TRUE, question), (CORRUPTED, changed)):
            if names[own] in known:
                counts["known"] += 1
                continue
            request = CaptionRequest(
                names[own], messages, root=catalogue.url, max_new_tokens=rule.max_new_tokens,
                temperature=rule.temperature, top_p=rule.top_p if rule.temperature else 1.0,
                seed=seed_of(rule.seed, names[own], 0) % 2**31,
            )  # fmt: skip
            yield {
                "caption_id": names[own], "kind": own, "clip_id": sample["clip_ids"][0], "request": request,
                "prompt_id": f"{sample['sample_id']}:{kind if own == CORRUPTED else 'true'}",
                "parents": [names[TRUE]] if own == CORRUPTED else [],
            }  # fmt: skip


def _corrupted_messages(
    messages: list[dict[str, Any]], kind: Corruption, n_frames: int, random: Random, root: Path
) -> list[dict[str, Any]]:
    """The same question about the corrupted clip: its one video shows chosen frames."""
    changed = json.loads(json.dumps(messages))
    videos = [item["video"] for m in changed if isinstance(m["content"], list) for item in m["content"]
              if item["type"] == "video"]  # fmt: skip
    if len(videos) != 1:
        raise ValueError(f"a sample to corrupt shows one video, this one {len(videos)}.")
    video = videos[0]
    times = frame_times_us(root / video["video_file"])
    start, end = video.pop("start_us", 0), video.pop("end_us", int(times[-1]) + 1)
    inside = [number for number, time in enumerate(times) if start <= time < end]
    if not inside:
        raise ValueError("no frame lies in the clip.")
    video["frame_indices"] = corrupted(kind, inside[0], inside[-1], n_frames, random)
    return changed


def _caption(answer: CaptionResult, text: str, plan: dict[str, Any], model: LoadedModel) -> dict[str, Any]:
    return {
        "caption_id": plan["caption_id"], "clip_id": plan["clip_id"], "kind": plan["kind"], "text": text,
        "model": model.checkpoint.name, "weights_hash": model.weights, "prompt_id": plan["prompt_id"],
        "parents": plan["parents"], "output_tokens": answer.output_tokens, "output_ids": list(answer.output_ids),
        "finish_reason": answer.finish_reason,
    }  # fmt: skip


def _reject(answer: CaptionResult, plan: dict[str, Any]) -> dict[str, Any]:
    return {
        "stage": STAGE, "key": plan["caption_id"], "reason": answer.error or "empty_answer",
        "detail": answer.detail or plan["prompt_id"], "permanent": False,
    }  # fmt: skip
