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
SAMPLED = "preference_sampled"
WRITE_ROWS = 256


@dataclass(frozen=True)
class AnswerRule:
    """How answers are sampled; the defaults are the paper's (arXiv 2501.07888, section 3.3).

    answers: None writes one to the clip as it is and one to it corrupted; a number writes so many to the clip as it
    is, of which a judge finds the best and the worst (arXiv 2404.19733, section 2, does so without video).
    """

    dataset: str
    answers: int | None = None
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
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p must be in (0, 1], got {self.top_p}. 1 leaves no token out.")
        if self.answers is not None and self.answers < 2:
            raise ValueError(f"answers must be >= 2, got {self.answers}. Leave it out to corrupt clips instead.")
        if self.answers is not None and not self.temperature:
            raise ValueError(
                "several answers at temperature 0 are all the same one; 1.0 samples from the model itself."
            )


def write_answers(catalogue: Catalogue, model: LoadedModel, rule: AnswerRule, limit: int | None = None) -> Counter[str]:
    """Captions of each sample of the dataset, whose prompt_id begins with the sample's id.

    With `answers` of the rule so many of kind `preference_sampled`. Otherwise one of kind `preference_true` and one of
    `preference_corrupted`, whose prompt_id names the corruption and whose parent is the first. What is there already
    is left out; equal texts stay, each is an answer. Returns how many of each kind, and why others are not there.
    """
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
        question = question_of(json.loads(sample["messages"]))
        try:
            planned = _sampled(question, rule) if rule.answers else _both(sample, question, rule, catalogue)
        except (ValueError, MediaError, OSError):
            counts["too short or unreadable"] += 1
            continue
        names = [content_id(sample["sample_id"], one.name, rule.seed, fingerprint) for one in planned]
        for name, one in zip(names, planned, strict=True):
            if name in known:
                counts["known"] += 1
                continue
            request = CaptionRequest(
                name, one.messages, root=catalogue.url, max_new_tokens=rule.max_new_tokens,
                temperature=rule.temperature, top_p=rule.top_p if rule.temperature else 1.0,
                seed=seed_of(rule.seed, name, 0) % 2**31,
            )  # fmt: skip
            yield {
                "caption_id": name, "kind": one.kind, "clip_id": sample["clip_ids"][0], "request": request,
                "prompt_id": f"{sample['sample_id']}:{one.label}",
                "parents": [names[0]] if one.kind == CORRUPTED else [],
            }  # fmt: skip


@dataclass(frozen=True)
class _Planned:
    """An answer to be written. name: among those of its sample. label: behind the sample's id in its prompt_id."""

    kind: str
    name: str
    label: str
    messages: list[dict[str, Any]]


def _sampled(question: list[dict[str, Any]], rule: AnswerRule) -> list[_Planned]:
    return [_Planned(SAMPLED, f"{SAMPLED} {n}", str(n), question) for n in range(rule.answers or 0)]


def _both(
    sample: dict[str, Any], question: list[dict[str, Any]], rule: AnswerRule, catalogue: Catalogue
) -> list[_Planned]:
    random = Random(seed_of(rule.seed, sample["sample_id"], 0))
    kind = random.choice(rule.corruptions)
    changed = _corrupted_messages(question, kind, rule.n_frames, random, Path(catalogue.url))
    return [_Planned(TRUE, TRUE, "true", question), _Planned(CORRUPTED, kind, kind, changed)]


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
