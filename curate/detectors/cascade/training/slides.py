"""Talks and screens: pages that change, perhaps beside a speaker who goes on; a window whose content cuts on a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from curate.detectors.cascade.training.draws import a_colour, letters, one_of, whole
from curate.detectors.cascade.training.events import Event
from curate.detectors.cascade.training.pieces import Piece, compressed, drawn_piece
from curate.detectors.cascade.training.takes import Filmed
from media.synthetic.texture import Colour, Image

PAPERS: tuple[Colour, ...] = (
    (250, 250, 250),
    (255, 255, 255),
    (250, 245, 240),
    (40, 30, 30),
    (90, 60, 20),
    (20, 40, 90),
)
ENLARGED = 3  # pages are drawn so many times as large, then shrunk, so that letters are smooth


@dataclass(frozen=True, eq=False)
class Slides:
    """pages: uint8 [H, W, 3] RGB each, one more than there are `cuts_s`; `windows`: the film in the window on each."""

    pages: tuple[Image, ...]
    cuts_s: tuple[float, ...]
    windows: tuple[Piece, ...] = ()
    place: tuple[int, int] = (0, 0)  # of the window's upper left corner
    quality: int | None = None
    events: tuple[Event, ...] = ()

    def picture(self, at_s: float) -> Image:
        number = int(np.searchsorted(self.cuts_s, at_s, side="right"))
        seen = self.pages[number].copy()
        if self.windows:
            left, top = self.place
            inside = self.windows[number].picture(at_s)
            seen[top : top + inside.shape[0], left : left + inside.shape[1]] = inside
        return compressed(seen, self.quality)

    def inner(self) -> list[tuple[float, float]]:
        return [(cut, cut) for cut in self.cuts_s]


def drawn_slides(
    random: np.random.Generator, takes: Sequence[Filmed], size: tuple[int, int], seconds: float, *, is_screen: bool
) -> Slides:
    """`is_screen`: the page stays and the film in its window cuts; else the pages change and the film goes on."""
    width, height = size
    cuts = list[float]()
    at = random.uniform(1, 3)
    while at < seconds - 0.8:
        cuts.append(at)
        at += random.uniform(1, 5)
    count = len(cuts) + 1
    base = _drawn_base(random, takes, width, height)
    pages = (base,) * count if is_screen else tuple(_variant(random, base) for _ in range(count))
    windows, place = (), (0, 0)
    if is_screen or random.random() < 0.5:
        share = random.uniform(0.25, 0.7) if is_screen else random.uniform(0.22, 0.45)
        inside = int(width * share), int(height * share)
        place = whole(random, 0, width - inside[0]), whole(random, 0, height - inside[1])
        films = [drawn_piece(random, takes, inside, seconds) for _ in range(count if is_screen else 1)]
        windows = tuple(films if is_screen else films * count)
    return Slides(pages, tuple(cuts), windows, place, one_of(random, (None, 30, 60)))


def page(random: np.random.Generator, width: int, height: int) -> Image:
    """A slide: perhaps a bar, a title, lines of text and coloured boxes. uint8 [height, width, 3] RGB."""
    paper = one_of(random, PAPERS)
    ink = (240, 240, 240) if sum(paper) < 300 else (20, 20, 20)
    wide, high = width * ENLARGED, height * ENLARGED
    large = np.full((high, wide, 3), paper, np.uint8)
    if random.random() < 0.4:
        cv2.rectangle(large, (0, 0), (wide, whole(random, 20, 60)), a_colour(random), -1)
    title = random.uniform(1, 1.8)
    _write(large, letters(random, 6, 24), (whole(random, 10, width), 60), title, ink, whole(random, 2, 4))
    y = 120
    for _ in range(whole(random, 0, 8)):
        if y > high - 20:
            break
        place = whole(random, 20, 120), y
        _write(large, letters(random, 8, 40), place, random.uniform(0.6, 1.1), ink, whole(random, 1, 3))
        y += whole(random, 25, 60)
    if random.random() < 0.4:
        x, y = whole(random, width, 2 * width), whole(random, height // 2, 2 * height)
        for _ in range(whole(random, 2, 6)):
            corner = x + whole(random, -width, width), y + whole(random, -height // 2, height // 2)
            cv2.rectangle(large, (x, y), corner, a_colour(random), one_of(random, (-1, 3)))
    return cv2.resize(large, (width, height), interpolation=cv2.INTER_AREA)


def _drawn_base(random: np.random.Generator, takes: Sequence[Filmed], width: int, height: int) -> Image:
    if random.random() < 0.3:
        return cv2.GaussianBlur(drawn_piece(random, takes, (width, height), 1.0).picture(0), (0, 0), 6)
    return page(random, width, height)


def _variant(random: np.random.Generator, base: Image) -> Image:
    """Another page, or the same with another lower right part."""
    height, width = base.shape[:2]
    fresh = page(random, width, height)
    if random.random() < 0.5:
        return fresh
    changed = base.copy()
    left, top = whole(random, 8, width // 3), whole(random, height // 4, height // 2)
    changed[top:-4, left:-8] = fresh[top:-4, left:-8]
    return changed


def _write(picture: Image, text: str, place: tuple[int, int], scale: float, ink: Colour, weight: int) -> None:
    cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, scale, ink, weight, cv2.LINE_AA)
