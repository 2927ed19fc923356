"""Video-MME's own report: by length and domain, where one question without an answer drops its whole video."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from eval.choices.scoring import Answer, Protocol

LENGTHS = ("short", "medium", "long")
DOMAINS = (
    "Knowledge", "Film & Television", "Sports Competition", "Artistic Performance", "Life Record", "Multilingual",
)  # fmt: skip
_RULE, _THIN, _STARS = "=" * 37, "-" * 37, "*" * 37


def counted(answers: Sequence[Answer], protocol: Protocol) -> list[Answer]:
    """The answers that count. `official`: none of a video of which one could not be read; `open`: all."""
    if protocol == "open":
        return list(answers)
    dropped = {_video(answer) for answer in answers if answer.letter is None}
    return [answer for answer in answers if _video(answer) not in dropped]


def _video(answer: Answer) -> str:
    return str(answer.row.extra.get("vid", answer.row.vid))


Counts = dict[str, dict[str, tuple[int, int]]]
"""(correct, counted) by length and domain; `all` stands for any length and for any domain."""


def counts_of(answers: Iterable[Answer]) -> Counts:
    """Answers of videos of no known length are in none of them."""
    counts: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for answer in answers:
        length, domain = str(answer.row.extra.get("duration")), str(answer.row.extra.get("domain"))
        if length not in LENGTHS:
            continue
        for key in ((length, domain), (length, "all"), ("all", domain), ("all", "all")):
            counts[key][0] += answer.correct
            counts[key][1] += 1
    return {
        length: {domain: (counts[length, domain][0], counts[length, domain][1]) for domain in (*DOMAINS, "all")}
        for length in (*LENGTHS, "all")
    }


def report_lines(table: Counts, success: int, failed: int) -> list[str]:
    """What the original prints, to the digit."""
    lines = [
        "=====Evaluation Summary=====",
        "Dataset: Video-MME\tMetric: Accuracy",
        f"#Successful Results: {success}",
        f"#Failed Results: {failed}",
    ]
    for length in LENGTHS:
        lines += [_RULE, f"Evaluation on video Type: {length}", _RULE, *_categories(table[length])]
        lines += [_THIN, "Overall Performance", _THIN, _line("Overall", table[length]["all"]), ""]
    lines += [_RULE, "Evaluation on the entire dataset", _RULE, *_categories(table["all"])]
    return [*lines, _STARS, "Overall Performance", _STARS, _line("Overall", table["all"]["all"])]


def _categories(domains: dict[str, tuple[int, int]]) -> list[str]:
    return [_THIN, "Video Categories", _THIN, *(_line(domain, domains[domain]) for domain in DOMAINS)]


def _line(name: str, count: tuple[int, int]) -> str:
    """A share of nothing is printed as 0, as the original does."""
    correct, counted = count
    return f"{name}: {100 * correct / counted if counted else 0: .1f}%"
