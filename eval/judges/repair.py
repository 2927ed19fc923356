"""Making sense of almost-JSON, as the original does: fences, outer braces, Python's literals, stray commas."""

from __future__ import annotations

import ast
import re
import warnings
from typing import Any

LONGEST = 200_000
"""Characters of an answer that are still parsed."""
UNPARSABLE = (ValueError, SyntaxError, TypeError, KeyError, IndexError, AttributeError, MemoryError, RecursionError)
"""What parsing and looking into an answer of unknown form may raise."""
_FENCES = ("```json", "```python")


def literal(text: str) -> Any:
    """A Python literal; warnings about odd escapes in it are nobody's concern here. Raises one of UNPARSABLE."""
    if len(text) > LONGEST:
        raise ValueError(f"{len(text)} characters")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.literal_eval(text)


def repaired(answer: str) -> str:
    """An answer with the original's repairs, in its order: space, fence, outer braces, literals, commas, placeholders.

    They work on the bare text, strings within it included; that is part of what makes old numbers comparable.
    """
    text = without_fence(re.sub(r"\s+", " ", answer.strip()))
    text = text if text.startswith("{") else "{" + text
    text = text if text.endswith("}") else text + "}"
    for old, new in (("True", "true"), ("False", "false"), ("} {", "}, {"), ("}{", "}, {")):
        text = text.replace(old, new)
    for close in "}]":
        text = text.replace(f", {close}", close).replace(f",{close}", close)
    return text.replace("[Placeholder]", "null").replace("{Events:", "").strip()


def without_fence(text: str) -> str:
    """A text without its code fence, which counts only at the very beginning and only with one of two names."""
    fence = next((fence for fence in _FENCES if text.startswith(fence)), None)
    return text if fence is None else text.replace(fence, "").replace("```", "").strip()
