"""The judge that a spec names. What a judge needs is loaded only when it is chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from eval.errors import EvalError
from eval.judges.protocol import Judge

FORMS = (
    "replay:FILE",
    "http://HOST:8000/v1?model=NAME",
    "llm:FOLDER",
    "nli:FOLDER",
    "rules",
)


@dataclass(frozen=True)
class Spec:
    """A spec taken apart: kind, what it is about, and options after `?`."""

    kind: str
    about: str
    options: Mapping[str, str]

    def option(self, name: str, default: str = "") -> str:
        return self.options.get(name, default)

    def number(self, name: str, default: float) -> float:
        """An option as a number.

        Raises:
            EvalError: it is none.
        """
        text = self.options.get(name)
        try:
            return default if text is None else float(text)
        except ValueError as error:
            raise EvalError(f"The judge's option {name} must be a number, got {text!r}.") from error

    def only(self, *names: str) -> None:
        """Refuses options of other names: a misspelt one would be a setting that is silently not made.

        Raises:
            EvalError: there is such an option.
        """
        if unknown := sorted(set(self.options) - set(names)):
            raise EvalError(f"The judge {self.kind} has no option {unknown[0]!r}; it has {', '.join(names) or 'none'}.")


def parse_spec(text: str) -> Spec:
    """A spec such as `replay:answers.jsonl` or `http://localhost:8000/v1?model=judge&revision=3f2a`.

    Raises:
        EvalError: it names no kind of judge.
    """
    if text.startswith(("http://", "https://")):
        parts = urlsplit(text)
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        return Spec("server", f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/"), options)
    kind, _, rest = text.partition(":")
    about, _, query = rest.partition("?")
    if kind in ("replay", "llm", "nli") and about:
        return Spec(kind, about, dict(parse_qsl(query, keep_blank_values=True)))
    if text == "rules":
        return Spec("rules", "", {})
    raise EvalError(f"There is no judge {text!r}. A judge is one of: {', '.join(FORMS)}.")


def judge_of(text: str) -> Judge:
    """The judge that a spec names, ready to be asked.

    Raises:
        EvalError: there is no such judge, or it cannot be had here.
    """
    spec = parse_spec(text)
    if spec.kind == "replay":
        from eval.judges.replay import ReplayJudge  # noqa: PLC0415

        spec.only()
        return ReplayJudge(Path(spec.about))
    if spec.kind == "server":
        from eval.judges.server import server_judge  # noqa: PLC0415

        return server_judge(spec)
    if spec.kind == "nli":
        from eval.judges.nli import NliJudge  # noqa: PLC0415

        spec.only("device")
        return NliJudge(Path(spec.about), device=spec.option("device", "cpu"))
    if spec.kind == "llm":
        from eval.judges.local import BATCH, LocalJudge  # noqa: PLC0415

        spec.only("device", "dtype", "batch")
        return LocalJudge(
            Path(spec.about),
            device=spec.option("device", "cpu"),
            dtype=spec.option("dtype", "auto"),
            batch=int(spec.number("batch", BATCH)),
        )
    from eval.judges.rules import RulesJudge  # noqa: PLC0415

    return RulesJudge()
