"""Small random choices; every one takes the generator, so that a seed gives the same video again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from media.synthetic.texture import Colour

T = TypeVar("T")


def one_of(random: np.random.Generator, options: Sequence[T]) -> T:
    """One of the options; one that stands there twice is twice as likely."""
    return options[int(random.integers(len(options)))]


def whole(random: np.random.Generator, least: int, most: int) -> int:
    """A whole number in [least, most]; `least` where that is empty."""
    return int(random.integers(least, max(least, most) + 1))


def a_colour(random: np.random.Generator, most: int = 255) -> Colour:
    """RGB, each 0..most."""
    return whole(random, 0, most), whole(random, 0, most), whole(random, 0, most)


def letters(random: np.random.Generator, least: int, most: int) -> str:
    """A line of `least` to `most` letters and spaces that looks like words from afar."""
    alphabet = "abcdefghijklmno pqrst uvwxyz "
    return "".join(one_of(random, alphabet) for _ in range(whole(random, least, most)))
