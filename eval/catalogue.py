"""Results as rows of a catalogue: events, entailments, scores; and the leaderboard over them."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from engine.catalogue import Catalogue, now, tool_version
from engine.write import Written, write
from eval.printed import boxed
from schemas.ids import fingerprint_of

VERSION = 1
STAGE = "evaluate"
METRICS = {
    "autodq": ("f1", "recall", "precision"),
    "choices": ("accuracy",),
    "captions": ("cider", "BLEU-4", "ROUGE_L", "METEOR", "SPICE"),
    "open_answers": ("accuracy", "score"),
}
Result = Mapping[str, Any]


def write_result(place: str | Path, result: Result, model: str) -> Written:
    """Adds a result to a catalogue, which is made where there is none.

    Raises:
        CatalogueError: the catalogue cannot be written.
    """
    catalogue = Catalogue.open(place, create=True)
    provenance = {
        "fingerprint": fingerprint_of(
            STAGE, VERSION, {"predictions": result["predictions"]["hash"], "ruler": _ruler(result)}
        ),
        "tool_version": tool_version(),
        "created_at": now(),
    }
    tables: dict[str, list[dict[str, Any]]] = {"scores": list(_scores(result, model))}
    if result["kind"] == "autodq":
        tables |= {"events": _events(result, model), "entailments": _entailments(result, model)}
    return write(
        catalogue, {name: [{**row, **provenance} for row in rows] for name, rows in tables.items()}, stage=STAGE
    )


def _ruler(result: Result) -> dict[str, str]:
    judge = result.get("judge")
    prompts = result.get("prompts") or {}
    return {
        "judge": f"{judge['name']}@{judge['revision']}" if judge else "none",
        "protocol": result.get("protocol") or "official",
        "prompts": " ".join(f"{one['id']}#{one['sha256'][:8]}" for one in prompts.values()),
    }


def _scores(result: Result, model: str) -> list[dict[str, Any]]:
    ruler, benchmark = _ruler(result), benchmark_of(result)
    rows = []
    for subset, figures in {"all": result["overall"], **(result.get("subsets") or {})}.items():
        success, failed = figures["success"], figures["failed"]
        for metric in METRICS[result["kind"]]:
            if metric not in figures:
                continue
            interval = result["interval_95"].get(metric) if subset == "all" else None
            rows.append(
                {
                    "benchmark": benchmark,
                    "subset": subset,
                    "model": model,
                    "metric": metric,
                    **ruler,
                    "value": figures[metric],
                    "low": interval["low"] if interval else None,
                    "high": interval["high"] if interval else None,
                    "coverage": success / (success + failed) if success + failed else 0.0,
                    "success": success,
                    "failed": failed,
                }
            )
    return rows


def benchmark_of(result: Result) -> str:
    """The benchmark's name, or the dataset of its rows."""
    return str(result.get("benchmark") or result.get("dataset") or "captions")


def _events(result: Result, model: str) -> list[dict[str, Any]]:
    benchmark, judge = benchmark_of(result), _ruler(result)["judge"]
    return [
        {
            "benchmark": benchmark,
            "sample_id": sample["idx"],
            "side": side,
            "model": model,
            "extracted_by": "annotators" if side == "reference" and result.get("events_given") else judge,
            "event_index": place,
            "event": event,
        }
        for sample in result["samples"]
        for side, events in (("reference", sample["reference_events"]), ("prediction", sample["predicted_events"]))
        for place, event in enumerate(events)
    ]


def _entailments(result: Result, model: str) -> list[dict[str, Any]]:
    ruler = _ruler(result)
    prompt = next(
        (f"{one['id']}#{one['sha256'][:8]}" for name, one in (result.get("prompts") or {}).items() if "entail" in name),
        "none",
    )
    sides = (("reference", "relations_recall"), ("prediction", "relations_precision"))
    return [
        {
            "benchmark": benchmark_of(result),
            "sample_id": sample["idx"],
            "side": side,
            "model": model,
            "event_index": place,
            "label": label,
            "judge": ruler["judge"],
            "protocol": ruler["protocol"],
            "prompt_id": prompt,
        }
        for sample in result["samples"]
        for side, labels in sides
        for place, label in enumerate(sample[labels])
    ]


def leaderboard_lines(place: str | Path, *, published: bool = True) -> list[str]:
    """All scores of whole benchmarks, a table a ruler: two judges or protocols never share one.

    Raises:
        CatalogueError: there is no such catalogue.
    """
    with Catalogue.open(place).connect() as connection:
        rows = (
            connection.sql(
                "select benchmark, judge, protocol, coalesce(prompts, '') prompts, model, metric, value, low, high, "
                "coverage from scores where subset = 'all' order by benchmark, judge, protocol, prompts, model"
            )
            .to_arrow_table()
            .to_pylist()
        )
    lines: list[str] = []
    rulers = dict.fromkeys((r["benchmark"], r["judge"], r["protocol"], r["prompts"]) for r in rows)
    for benchmark, judge, protocol, prompts in rulers:
        some = [
            r
            for r in rows
            if (r["benchmark"], r["judge"], r["protocol"], r["prompts"]) == (benchmark, judge, protocol, prompts)
        ]
        lines += [f"{benchmark} · judge {judge} · {protocol}" + (f" · {prompts}" if prompts else ""), _board(some), ""]
    if published and (not rulers or any(benchmark == "dream" for benchmark, *_ in rulers)):
        lines += published_lines()
    return lines


def _board(rows: Sequence[Mapping[str, Any]]) -> str:
    metrics = list(dict.fromkeys(row["metric"] for row in rows))
    metrics.sort(key=[*METRICS["autodq"], *METRICS["captions"], "accuracy", "score"].index)
    models: dict[str, dict[str, Mapping[str, Any]]] = {}
    for row in rows:
        models.setdefault(row["model"], {})[row["metric"]] = row
    ranked = sorted(models.items(), key=lambda item: -(item[1].get(metrics[0], {}).get("value") or -1.0))
    table = []
    for model, figures in ranked:
        first = figures[metrics[0]]
        interval = f"[{first['low']:.3f}, {first['high']:.3f}]" if first["low"] is not None else "-"
        values = [
            f"{figures[m]['value']:.4f}" if m in figures and figures[m]["value"] is not None else "-" for m in metrics
        ]
        table.append([model, *values, interval, f"{first['coverage']:.1%}"])
    return boxed(["model", *metrics, f"{metrics[0]} 95 %", "coverage"], table)


def published_lines() -> list[str]:
    """The published DREAM-1K table, in a block of its own: its judge is retired, so nothing new can join it."""
    text = files("eval.benchmarks").joinpath("published_dream.csv").read_text(encoding="utf-8")
    rows = [row for row in csv.DictReader(text.splitlines()) if row["subset"] == "OVERALL"]
    head = "DREAM-1K as published, in per cent · judge gpt-3.5-turbo-0125 (retired) · not comparable with the above"
    return [
        head,
        boxed(
            ["model (frames)", "F1", "Precision", "Recall"],
            [[r["model"], r["f1"], r["precision"], r["recall"]] for r in rows],
        ),
    ]
