"""Letters as the two original branches read them, quirks included.

Both drop all round brackets and look at the first character that is left. Both turn digits into letters one too far
("1" is B). What is no capital letter of any script is a failure, and failures are left out of the denominator.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from eval.rows import Row

Branch = Literal["tarsier", "tarsier2"]
_DIGITS: Mapping[Branch, str] = {"tarsier": "12345", "tarsier2": "012345"}


def branch_of(row: Row) -> Branch:
    """Which of the two a row was written for: its form tells."""
    return "tarsier" if row.form == "text" else "tarsier2"


def read_letter(text: str, branch: Branch) -> str | None:
    """The letter of an answer, None where there is none."""
    letter = first_character(text, branch)
    return letter if letter.isupper() and letter.isalpha() and len(letter) == 1 else None


def first_character(text: str, branch: Branch) -> str:
    """What the original compares: the first character behind brackets and space, a digit as its letter; or nothing."""
    character = text.replace("(", "").replace(")", "").strip()[:1]
    return chr(ord("A") + int(character)) if character and character in _DIGITS[branch] else character


def is_correct(prediction: str, reference: str, branch: Branch) -> bool:
    """Tarsier 1 takes the reference as it is, Tarsier2 reads it like an answer."""
    right = reference if branch == "tarsier" else first_character(reference, branch)
    return first_character(prediction, branch) == right
