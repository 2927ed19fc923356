"""Every table of the catalogue, a file a room. They are the truth; docs/tables.md is printed from them."""

from __future__ import annotations

from schemas.tables.captioning import ANSWERS, CAPTIONS
from schemas.tables.importing import ORIGINS
from schemas.tables.rejects import REJECTS
from schemas.tables.scanning import (
    CLIP_FILES,
    CLIP_ORIGINS,
    CLIPS,
    CUT_KINDS,
    CUTS,
    FLOWS,
    MEASURES,
    OCR_TEXTS,
    SCANS,
)
from schemas.tables.scoring import ENTAILMENTS, EVENTS, SCORES
from schemas.tables.selecting import DEDUPS, DUPLICATES, FUNNELS, SELECTIONS
from schemas.tables.sources import ALIASES, FETCH_OUTCOMES, FETCHES, INGESTS, KEPT, REQUESTS, TOMBSTONES, VIDEOS
from schemas.tables.training import PAIRS, SAMPLES

__all__ = [
    "ALIASES",
    "ALL",
    "ANSWERS",
    "BY_NAME",
    "CAPTIONS",
    "CLIPS",
    "CLIP_FILES",
    "CLIP_ORIGINS",
    "CUTS",
    "CUT_KINDS",
    "DEDUPS",
    "DUPLICATES",
    "ENTAILMENTS",
    "EVENTS",
    "FETCHES",
    "FETCH_OUTCOMES",
    "FLOWS",
    "FUNNELS",
    "INGESTS",
    "KEPT",
    "MEASURES",
    "OCR_TEXTS",
    "ORIGINS",
    "PAIRS",
    "REJECTS",
    "REQUESTS",
    "SAMPLES",
    "SCANS",
    "SCORES",
    "SELECTIONS",
    "SETTLED_BY",
    "TOMBSTONES",
    "VIDEOS",
    "WITHDRAWN_BY",
]

ALL = (
    REQUESTS, INGESTS, FETCHES, VIDEOS, ALIASES, SCANS, CUTS, CLIPS, CLIP_FILES, TOMBSTONES, MEASURES, FLOWS, OCR_TEXTS,
    ANSWERS, DUPLICATES, DEDUPS, SELECTIONS, FUNNELS, CAPTIONS, SAMPLES, ORIGINS, PAIRS, EVENTS, ENTAILMENTS, SCORES,
    REJECTS,
)  # fmt: skip
# A reject is settled once its stage finished the same key later: stage -> (table, column that holds the key).
SETTLED_BY: dict[str, tuple[tuple[str, str], ...]] = {
    "add": (("videos", "uri"), ("aliases", "uri")),
    "scan": (("scans", "video_id"),),
    "flow": (("flows", "clip_id"),),
    "ocr": (("ocr_texts", "clip_id"),),
    "caption": (("captions", "clip_id"), ("captions", "caption_id")),
    "refine": (("captions", "clip_id"), ("captions", "caption_id")),
    "rewrite": (("captions", "clip_id"), ("captions", "caption_id")),
    "answer": (("answers", "clip_id"),),
    "download": (("videos", "video_key"), ("aliases", "video_key")),
    "request": (("clips", "request_id"),),
    "import": (("origins", "source"),),
}
# A row is no longer shown once a later reject of this reason names it: table -> (column with the reject's key, reason).
# It is for what can be judged only beside the rows of others.
WITHDRAWN_BY: dict[str, tuple[str, str]] = {"captions": ("caption_id", "near_duplicate")}
BY_NAME = {spec.name: spec for spec in ALL}
