"""One HTML page a run: every clip with its video, both texts, and every event with its verdict. It needs no server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

LEGEND = (
    "<ul class=legend><li class=entailment>told by the other text</li><li class=neutral>left open by it</li>"
    "<li class=contradiction>contradicted by it</li></ul>"
)


def page_of(result: Mapping[str, Any], folder: Path) -> str:
    """The page of a result; links to videos are relative to the folder where it will lie."""
    about = result.get("benchmark") or result.get("dataset") or "captions"
    title = f"{result.get('model') or 'predictions'} · {about} · {result['metric']}"
    samples = "".join(_sample(place, sample, result["kind"], folder) for place, sample in enumerate(result["samples"]))
    style, script = (files("eval").joinpath(name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>{escape(title)}</title><style>{style}</style><h1>{escape(title)}</h1>{_head(result)}"
        f"{_bar(result)}{LEGEND if result['kind'] == 'autodq' else ''}"
        f"<div id=clips>{samples}</div><script>{script}</script></html>\n"
    )


def _bar(result: Mapping[str, Any]) -> str:
    """What is searched for, of which part, in which order."""
    parts = dict.fromkeys(_part(sample) for sample in result["samples"])
    named = "".join(f"<option>{escape(part)}</option>" for part in parts if part)
    orders = "".join(
        f"<option value='{value}'>{text}</option>"
        for value, text in (("", "as in the file"), ("worst", "lowest score first"), ("best", "highest score first"))
    )
    return (
        "<div class=bar><input id=words type=search placeholder='search all texts' aria-label='search all texts' "
        f"size=32><select id=part aria-label=part><option value=''>all parts</option>{named}</select>"
        f"<select id=order aria-label=order>{orders}</select><span id=shown class=said></span></div>"
    )


def _part(sample: Mapping[str, Any]) -> str:
    return str(sample.get("subset") or sample.get("task") or "")


def _head(result: Mapping[str, Any]) -> str:
    judge = result.get("judge")
    facts = [f"coverage {result['coverage']:.1%}"]
    if judge:
        facts.insert(
            0, f"judge {judge['name']}, revision {judge['revision'] or 'not given'}, protocol {result['protocol']}"
        )
    facts += [
        f"95 % interval of {name} {one['low']:.3f} to {one['high']:.3f}"
        for name, one in result["interval_95"].items()
        if one["low"] is not None
    ]
    facts += [f"prompt {one['id']}, sha256 {one['sha256'][:16]}" for one in (result.get("prompts") or {}).values()]
    facts += [f"{count} failed: {name}" for name, count in (result.get("failures") or {}).items()]
    figures = {"all": result["overall"], **(result.get("subsets") or {})}
    names = [name for name, value in result["overall"].items() if isinstance(value, int | float) or value is None]
    rows = "".join(
        f"<tr><td>{escape(str(subset))}</td>"
        + "".join(f"<td>{_number(one.get(name))}</td>" for name in names)
        + "</tr>"
        for subset, one in figures.items()
    )
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    return f"<p>{escape(' · '.join(facts))}</p><table><tr><th></th>{head}</tr>{rows}</table>"


def _sample(place: int, sample: Mapping[str, Any], kind: str, folder: Path) -> str:
    score, said = _score(sample, kind)
    head = f"<h2{'' if sample['success'] else ' class=failed'}>{escape(str(sample['idx']))} · {escape(said)}</h2>"
    if detail := sample.get("detail"):
        head += f"<p class=said>{escape(str(detail))}</p>"
    if question := sample.get("question"):
        head += _text("Question", question)
    texts = [("Reference", sample.get("reference")), ("Prediction", sample.get("prediction"))]
    if kind == "autodq":
        sides = (
            ("reference_events", "relations_recall", "Events of the reference: does the prediction tell them?"),
            ("predicted_events", "relations_precision", "Events of the prediction: does the reference tell them?"),
        )
        columns = [
            f"<div>{_text(name, text)}{_events(title, sample[events], sample[labels], judged=sample['success'])}</div>"
            for (name, text), (events, labels, title) in zip(texts, sides, strict=True)
        ]
    else:
        columns = [f"<div>{_text(name, text)}</div>" for name, text in texts]
    body = f"<div>{head}<div class=two>{''.join(columns)}</div></div>"
    video, part = _video(sample.get("video"), folder), escape(_part(sample), quote=True)
    return f"<article data-place={place} data-score={score} data-part='{part}'><div>{video}</div>{body}</article>"


def _score(sample: Mapping[str, Any], kind: str) -> tuple[float, str]:
    """A number to sort by, and what is said of the sample."""
    if not sample["success"]:
        return -1.0, f"failed: {sample.get('failure') or 'could not be read'}"
    if kind == "autodq":
        recall, precision = sample["recall"], sample["precision"]
        return (recall or 0) + (precision or 0), f"recall {_number(recall)}, precision {_number(precision)}"
    if kind == "captions":
        return sample["cider"], f"CIDEr {_number(sample['cider'])}"
    return float(sample["correct"]), "right" if sample["correct"] else "wrong"


def _text(name: str, text: str | None) -> str:
    return f"<h3>{name}</h3><p>{escape(text)}</p>" if text else f"<h3>{name}</h3><p class=none>none</p>"


def _events(title: str, events: Sequence[str], labels: Sequence[str], *, judged: bool) -> str:
    """A clip that could not be judged has events as far as it got, and says so where there are none."""
    padded = [*labels, *["unjudged"] * len(events)]
    items = "".join(
        f"<li class={escape(label)} title={escape(label)}>{escape(event)}</li>"
        for event, label in zip(events, padded, strict=False)
    )
    nothing = "no events" if judged else "not judged"
    return f"<h3>{title}</h3><ul>{items or f'<li class=none>{nothing}</li>'}</ul>"


def _video(video: str | None, folder: Path) -> str:
    """A file beside the page is linked relatively, so that both can be moved together."""
    if not video:
        return "<span class=none>no video</span>"
    source = video
    if "://" not in video:
        path, place = Path(video).resolve(), folder.resolve()
        source = quote(path.relative_to(place).as_posix()) if path.is_relative_to(place) else path.as_uri()
    return f"<video controls preload=none src='{escape(source, quote=True)}'></video>"


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def markdown_of(result: Mapping[str, Any], printed: str) -> str:
    """The same in short, for a repository's README."""
    lines = [f"# {result['metric']}", ""]
    if judge := result.get("judge"):
        lines += [
            f"Judge `{judge['name']}`, revision `{judge['revision'] or 'not given'}`, protocol `{result['protocol']}`.",
            "",
        ]
    overall, coverage = result["overall"], result["coverage"]
    lines += ["```text", printed.rstrip(), "```", ""]
    for metric, interval in result["interval_95"].items():
        if interval["low"] is not None:
            bounds = f"{interval['low']:.4f} to {interval['high']:.4f}"
            lines.append(f"- {metric} {_number(overall.get(metric))}, 95 % interval {bounds}")
    lines.append(f"- coverage {coverage:.1%}")
    lines += [f"- {count} failed: {name}" for name, count in (result.get("failures") or {}).items()]
    lines += [f"- prompt `{one['id']}`, sha256 `{one['sha256']}`" for one in (result.get("prompts") or {}).values()]
    return "\n".join(lines) + "\n"
