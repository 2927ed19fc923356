"""Two results side by side: two models under one judge, or two judges of the same captions; never both at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from eval.errors import EvalError
from eval.printed import boxed
from eval.statistics.agreement import agreement
from eval.statistics.bootstrap import Clips, clips_of, mean_interval
from eval.statistics.paired import paired

MOST_DIFFERENT = 10
Result = Mapping[str, Any]


def compare(a: Result, b: Result) -> dict[str, Any]:
    """Paired differences of two models, and the samples that differ most; b minus a.

    Raises:
        EvalError: the results are of different kinds, judges or protocols, or share no sample.
    """
    if a.get("kind") != b.get("kind"):
        raise EvalError(f"The results are of different kinds: {a.get('kind')} and {b.get('kind')}.")
    if _ruler(a) != _ruler(b):
        raise EvalError(
            f"The results were measured with different rulers: {_ruler(a)} and {_ruler(b)}. Score both with one judge "
            "and protocol; `evaluate judges A B` shows how two judges differ about the same captions."
        )
    pairs = _pairs(a, b)
    if a["kind"] == "autodq":
        found = paired(_clips(pairs, 0), _clips(pairs, 1))
        differences = {name: asdict(found[name]) for name in ("f1", "recall", "precision")}
        most = _most_different([(x["idx"], _f1(x), _f1(y)) for x, y in pairs])
    else:
        metric = {"choices": "correct", "captions": "cider", "open_answers": "correct"}[a["kind"]]
        differences = {metric: _plain([(float(x[metric]), float(y[metric])) for x, y in pairs])}
        most = _most_different([(x["idx"], float(x[metric]), float(y[metric])) for x, y in pairs])
    counts = {"samples": len(pairs), "of_a": len(a["samples"]), "of_b": len(b["samples"])}
    return {"kind": a["kind"], "ruler": _ruler(a), **counts, "differences": differences, "most": most}


def _most_different(scores: Sequence[tuple[str, float, float]]) -> list[dict[str, Any]]:
    """The samples that differ most, those that do not left out."""
    ranked = sorted((one for one in scores if one[1] != one[2]), key=lambda one: -abs(one[2] - one[1]))
    return [{"idx": idx, "a": a, "b": b, "difference": b - a} for idx, a, b in ranked[:MOST_DIFFERENT]]


def _ruler(result: Result) -> str:
    judge = result.get("judge") or {}
    name = f"{judge.get('name')}@{judge.get('revision')}" if judge else "no judge"
    prompts = ",".join(sorted(prompt["sha256"][:8] for prompt in (result.get("prompts") or {}).values()))
    return f"{result.get('metric', '').split('@')[0]} {result.get('protocol', '')} {name} {prompts}".strip()


def _pairs(a: Result, b: Result) -> list[tuple[Any, Any]]:
    """The samples that both could judge, in the order of a."""
    other = {sample["idx"]: sample for sample in b["samples"] if _counts(b, sample)}
    pairs = [(sample, other[sample["idx"]]) for sample in a["samples"] if _counts(a, sample) and sample["idx"] in other]
    if not pairs:
        raise EvalError("The two results share no sample that both could judge.")
    return pairs


def _counts(result: Result, sample: Mapping[str, Any]) -> bool:
    return sample["success"] or (result["kind"] == "choices" and result.get("protocol") == "open")


def _clips(pairs: Sequence[tuple[Any, Any]], side: int) -> Clips:
    """Clips of both carry a score only where both have one, so that the difference is about the same clips."""
    subsets = [pair[0]["subset"] for pair in pairs]

    def values(name: str) -> list[float | None]:
        return [pair[side][name] if None not in (pair[0][name], pair[1][name]) else None for pair in pairs]

    return clips_of(subsets, values("recall"), values("precision"))


def _f1(sample: Mapping[str, Any]) -> float:
    recall, precision = sample["recall"] or 0.0, sample["precision"] or 0.0
    return 2 * recall * precision / (recall + precision) if recall + precision else 0.0


def _plain(values: Sequence[tuple[float, float]]) -> dict[str, float | None]:
    """Of a plain mean: the interval of the mean difference, and a test as for clips of one sub-set."""
    subsets = ["all"] * len(values)
    one, other = [a for a, _ in values], [b for _, b in values]
    found = paired(clips_of(subsets, one, one), clips_of(subsets, other, other))["recall"]
    interval = mean_interval([b - a for a, b in values])
    return {**asdict(found), "low": interval.low, "high": interval.high}


def compare_judges(a: Result, b: Result) -> dict[str, Any]:
    """How two judges differ about the same captions: the offset of every figure, and Cohen's kappa over labels.

    Reference events are the same under both. Predicted ones are compared where both extracted the same sentence.

    Raises:
        EvalError: the results are not about the same captions.
    """
    if a.get("kind") != "autodq" or b.get("kind") != "autodq":
        raise EvalError("Judges are compared over results of `evaluate autodq`.")
    if a["predictions"]["hash"] != b["predictions"]["hash"]:
        raise EvalError("The two results are about different captions; an offset between judges needs the same ones.")
    offsets = {
        name: {
            metric: _minus(figures.get(metric), _figures(a, name).get(metric))
            for metric in ("f1", "recall", "precision")
        }
        for name, figures in (("OVERALL", b["overall"]), *b["subsets"].items())
    }
    labels = _labels(_pairs(a, b))
    agreements = {}
    for side, (one, other) in labels.items():
        if one:
            binary = agreement([x == "entailment" for x in one], [y == "entailment" for y in other])
            agreements[side] = {"three_labels": asdict(agreement(one, other)), "entailed_or_not": asdict(binary)}
    return {"a": _ruler(a), "b": _ruler(b), "offsets": offsets, "agreement": agreements}


def _figures(result: Result, name: str) -> Mapping[str, Any]:
    return result["overall"] if name == "OVERALL" else result["subsets"].get(name, {})


def _minus(b: float | None, a: float | None) -> float | None:
    return None if a is None or b is None else b - a


def _labels(pairs: Sequence[tuple[Any, Any]]) -> dict[str, tuple[list[str], list[str]]]:
    """Labels of both judges for the same events, by side."""
    found: dict[str, tuple[list[str], list[str]]] = {"reference": ([], []), "prediction": ([], [])}
    sides = {
        "reference": ("reference_events", "relations_recall"),
        "prediction": ("predicted_events", "relations_precision"),
    }
    for one, other in pairs:
        for side, (events, relations) in sides.items():
            theirs = dict(zip(other[events], other[relations], strict=False))
            for event, label in zip(one[events], one[relations], strict=False):
                if event in theirs:
                    found[side][0].append(label)
                    found[side][1].append(theirs[event])
    return found


def difference_lines(found: Mapping[str, Any], a: str, b: str) -> list[str]:
    """For people."""
    rows = [
        [
            name,
            *(_show(one[key]) for key in ("a", "b", "difference")),
            f"[{_show(one['low'])}, {_show(one['high'])}]",
            _show(one["p"]),
        ]
        for name, one in found["differences"].items()
    ]
    shared = f"{found['samples']} samples that both could judge, of {found['of_a']} and {found['of_b']}"
    lines = [f"{shared}; measured by {found['ruler']}"]
    lines.append(boxed(["", a, b, "difference", "95 % interval", "p"], rows))
    lines.append(_in_words(next(iter(found["differences"].items())), a, b))
    if not found["most"]:
        return [*lines, "no sample differs"]
    most = [[one["idx"], *(_show(one[key]) for key in ("a", "b", "difference"))] for one in found["most"]]
    return [*lines, "", "most different:", boxed(["sample", a, b, "difference"], most)]


def _in_words(first: tuple[str, Mapping[str, Any]], a: str, b: str) -> str:
    """What the interval of the first metric allows to say."""
    name, one = first
    if one["low"] is None or one["low"] <= 0 <= one["high"]:
        return f"{name}: the interval holds 0, so these samples do not tell the two apart"
    better = b if one["difference"] > 0 else a
    return f"{name}: {better} is better by {abs(one['difference']):.4f}"


def judge_lines(found: Mapping[str, Any]) -> list[str]:
    """For people."""
    rows = [
        [name, *(_show(one[metric]) for metric in ("f1", "recall", "precision"))]
        for name, one in found["offsets"].items()
    ]
    lines = [f"a: {found['a']}", f"b: {found['b']}", "offset b - a, which no score has applied to it:"]
    lines.append(boxed(["", "F1", "Recall", "Precision"], rows))
    for side, two in found["agreement"].items():
        three, binary = two["three_labels"], two["entailed_or_not"]
        lines.append(
            f"{side} events: {three['count']} judged by both, {three['share']:.1%} the same label, "
            f"kappa {_show(three['kappa'])} (entailed or not: {_show(binary['kappa'])})"
        )
    return lines


def _show(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
