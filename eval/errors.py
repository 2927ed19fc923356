"""What can be wrong with a file, a judge or a question that a person asks, in one line."""

from __future__ import annotations


class EvalError(Exception):
    """Something that a person can put right: a file that is missing, a judge that cannot be had, a wrong spec.

    The text says what was met, what is allowed, and what to do.
    """


class JudgeRefused(Exception):
    """A judge cannot answer this question at all; `.reason` names why, `.detail` shows what it met."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"
