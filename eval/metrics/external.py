"""METEOR and SPICE, where pycocoevalcap and Java are installed: both are Java programs of others."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from importlib.util import find_spec

from eval.errors import EvalError

EXTERNAL = ("meteor", "spice")


def check_external(metric: str) -> None:
    """Whether a metric can be had here.

    Raises:
        EvalError: there is no such metric, or what it needs is missing; the text says what.
    """
    if metric not in EXTERNAL:
        raise EvalError(f"There is no metric {metric!r} to add; there is {' and '.join(EXTERNAL)}.")
    if find_spec("pycocoevalcap") is None:
        raise EvalError(
            f"{metric} needs pycocoevalcap: pip install pycocoevalcap. CIDEr, BLEU and ROUGE-L need nothing."
        )
    if shutil.which("java") is None:
        raise EvalError(f"{metric} is a Java program, and there is no java on the path.")


def external_scores(
    metric: str, candidates: Sequence[Sequence[str]], references: Sequence[Sequence[Sequence[str]]]
) -> tuple[float, list[float]]:
    """The corpus score and one for each candidate. Texts are lists of tokens.

    Raises:
        EvalError: it cannot be had here, or its program ended with an error.
    """
    check_external(metric)
    result = {i: [" ".join(tokens)] for i, tokens in enumerate(candidates)}
    wanted = {i: [" ".join(tokens) for tokens in group] for i, group in enumerate(references)}
    try:
        if metric == "meteor":
            from pycocoevalcap.meteor.meteor import Meteor  # noqa: PLC0415  # pyright: ignore[reportMissingImports]

            corpus, each = Meteor().compute_score(wanted, result)
            return float(corpus), [float(score) for score in each]
        from pycocoevalcap.spice.spice import Spice  # noqa: PLC0415  # pyright: ignore[reportMissingImports]

        corpus, each = Spice().compute_score(wanted, result)
        return float(corpus), [float(score["All"]["f"]) for score in each]
    except (OSError, ValueError, AssertionError) as error:
        raise EvalError(f"{metric} failed in its own program: {error!r}") from error
