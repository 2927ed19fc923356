"""What LVD-2M's paper (arXiv 2410.10816) says of itself and of others: its distributions and table 1, numbers only."""

from __future__ import annotations

from dataclasses import dataclass

PAPER = "LVD-2M, arXiv 2410.10816"


@dataclass(frozen=True)
class Shares:
    """A published histogram: `edges` of its bins (the last is open), the share of each, in percent."""

    title: str
    unit: str
    expression: str
    edges: tuple[float, ...]
    percent: tuple[float, ...]
    note: str = ""


DURATION = Shares("Length", "seconds", "seconds", (10, 15, 20, 30, 50), (43, 23, 20, 11, 2))
FLOW = Shares(
    "Flow by LVD-2M's measure",
    "pixels in half a second at 520x960",
    "coalesce(flow_raft_lvd, flow_dis_lvd)",
    (20, 30, 50, 100),
    (27, 40, 27, 6),
    "The paper's figure has 25 and 29 % for the first and the third bin in unclear order: 27 is their mean.",
)
WORDS = Shares(
    "Words of a caption",
    "words",
    "len(string_split(trim(coalesce(refined_caption, dense_caption, raw_caption)), ' '))",
    (30, 50, 70, 90, 110),
    (2, 20, 39, 25, 14),
)

TABLE_1 = (  # name, text, mean seconds, shortest, words of a caption, mean flow of clips over 10 s
    ("HowTo100M", "ASR", 3.6, None, 4.0, None),
    ("ACAV", "ASR", 10.0, None, None, None),
    ("HD-VILA-100M", "ASR", 13.4, None, 32.5, None),
    ("Panda-70M", "automatic", 8.5, "< 1", 13.2, 14.7),
    ("HD-VG-130M", "automatic", 5.8, "< 1", 9.8, 21.5),
    ("WebVid-10M", "alt text", 18.0, "< 1", 14.1, 12.1),
    ("InternVid-38M", "automatic", 17.2, "< 1", 17.6, 11.6),
    ("LVD-2M", "automatic, dense in time", 20.2, "10", 88.7, 47.8),
)
