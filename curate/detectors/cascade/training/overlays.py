"""What lies on a picture without being a cut: subtitles, lower thirds, logos, pictures in the picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from curate.detectors.cascade.training.draws import a_colour, letters, one_of, whole
from curate.detectors.cascade.training.takes import Filmed
from media.synthetic.shape import Overlay
from media.synthetic.texture import Image

INSET_SHARE = 0.35


@dataclass(frozen=True, eq=False)
class Patch:
    """A picture over a part: uint8 [h, w, 3] RGB with its upper left corner at (left, top), then words over it.

    `cover` 0..1: how much of what is below the picture hides.
    """

    picture: Image | None = None
    left: int = 0
    top: int = 0
    cover: float = 1.0
    words: tuple[Overlay, ...] = ()

    def over(self, picture: Image, share: float) -> Image:
        """The picture (uint8 [H, W, 3]) under the patch; `share` 0..1 fades it in."""
        painted = picture.copy()
        if self.picture is not None:
            height, width = self.picture.shape[:2]
            place = painted[self.top : self.top + height, self.left : self.left + width]
            place[:] = cv2.addWeighted(place, 1 - self.cover, self.picture, self.cover, 0)
        for line in self.words:
            line.draw(painted)
        return painted if share >= 1 else cv2.addWeighted(picture, 1 - share, painted, share, 0)


def drawn_patch(random: np.random.Generator, takes: Sequence[Filmed], width: int, height: int) -> Patch:
    """A patch for pictures of this size."""
    if random.random() < INSET_SHARE:
        return _inset(random, takes, width, height)
    match one_of(random, ("subtitle", "subtitle", "lower third", "logo", "logo")):
        case "subtitle":
            return Patch(words=drawn_lines(random))
        case "lower third":
            band = np.empty((max(1, int(height * 0.14)), int(width * random.uniform(0.4, 1)), 3), np.uint8)
            band[:] = a_colour(random)
            top = int(height * random.uniform(0.72, 0.85))
            return Patch(band, 0, top, random.uniform(0.6, 1), drawn_lines(random))
        case _:
            size = int(width * random.uniform(0.08, 0.3)), int(height * random.uniform(0.08, 0.3))
            squares = random.integers(0, 255, (3, 3, 3), dtype=np.uint8)
            logo = cv2.resize(squares, size, interpolation=cv2.INTER_NEAREST)
            return Patch(logo, whole(random, 0, width - size[0]), whole(random, 0, height - size[1]))


def _inset(random: np.random.Generator, takes: Sequence[Filmed], width: int, height: int) -> Patch:
    """A still picture that comes and goes over a band, or over a part, of one that goes on."""
    if random.random() < 0.5:
        size = width, int(height * random.uniform(0.15, 0.38))
        left, top = 0, one_of(random, (height - size[1], height - size[1], 0))
    else:
        size = int(width * random.uniform(0.2, 0.5)), int(height * random.uniform(0.2, 0.5))
        left, top = whole(random, 0, width - size[0]), whole(random, 0, height - size[1])
    take = one_of(random, takes)
    return Patch(cv2.resize(take.at(random.uniform(0, take.seconds)), size), left, top)


def drawn_lines(random: np.random.Generator, high: tuple[float, float] = (0.78, 0.94)) -> tuple[Overlay, ...]:
    """One or two lines of words whose middle lies between the heights `high`, in shares of the picture's."""
    colour = one_of(random, ("white", "white", "yellow"))
    return tuple(
        Overlay(
            letters(random, 8, 34),
            place_x=random.uniform(0.35, 0.65),
            place_y=random.uniform(*high),
            size_diag=random.uniform(0.02, 0.04),
            colour=colour,
        )
        for _ in range(whole(random, 1, 2))
    )
