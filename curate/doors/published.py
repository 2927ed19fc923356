"""What datasets say of themselves, beside which `curate stats` puts yours: the figures of the report, and shares of
LVD-2M's categories (arXiv 2410.10816, figure 4)."""

from __future__ import annotations

from dataclasses import dataclass

from curate.report.published import DURATION, TABLE_1, WORDS, Shares


@dataclass(frozen=True)
class Published:
    """Averages of a dataset; None: not said."""

    name: str
    clips: int | None
    seconds: float
    words: float | None
    flow: float | None


_CLIPS = {"Panda-70M": 70_723_513, "HD-VG-130M": 130_000_000, "WebVid-10M": 10_700_000, "InternVid-38M": 38_000_000,
          "LVD-2M": 2_100_000}  # fmt: skip
PUBLISHED = tuple(
    Published(name, _CLIPS[name], seconds, words, flow)
    for name, _, seconds, _, words, flow in TABLE_1
    if name in _CLIPS
)


def bins_of(shares: Shares) -> tuple[tuple[float, float | None, float], ...]:
    """(low, high, percent) of a published histogram; the last is open."""
    return tuple(zip(shares.edges, (*shares.edges[1:], None), shares.percent, strict=True))


SECONDS_SHARES, WORDS_SHARES = bins_of(DURATION), bins_of(WORDS)
CATEGORY_SHARES = {
    "scenery": 24.0, "people": 23.0, "transportation": 13.0, "sports": 11.0, "animals": 11.0, "food": 9.0,
    "gaming": 5.0, "others": 4.0,
}  # fmt: skip
CATEGORY_WORDS = {
    "gaming": "video game|videogame|gameplay|game screen|minecraft|health bar|first-person shooter|game character",
    "food": "food|cook|cooking|kitchen|dish|plate|meal|cake|pan|recipe|vegetable|vegetables|meat|dough|bread|chef",
    "sports": "sport|sports|ball|soccer|football|basketball|tennis|player|players|ski|skier|skiing|surfer|surfing|"
              "skateboard|swim|swimming|stadium|race|racing|gym|golf|baseball|athlete|athletes|boxing|match",
    "animals": "animal|animals|dog|dogs|cat|cats|horse|horses|bird|birds|fish|cow|cows|elephant|lion|deer|wildlife|"
               "monkey|sheep|insect|butterfly|duck|ducks",
    "transportation": "car|cars|truck|bus|train|vehicle|vehicles|road|traffic|highway|motorcycle|bicycle|airplane|"
                      "boat|ship|driving|drive|street|railway",
    "people": "man|woman|men|women|person|people|girl|boy|child|children|couple|crowd|he|she|baby|family|group",
    "scenery": "mountain|mountains|sea|ocean|beach|sky|forest|river|lake|landscape|sunset|sunrise|clouds|tree|trees|"
               "field|city|snow|waterfall|aerial|garden|building|buildings|coast|hill|hills|valley",
}  # fmt: skip
"""A caption is of the first category of which it says a word, particular ones before general ones."""
