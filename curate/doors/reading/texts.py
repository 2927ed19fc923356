"""Which columns of a clip dataset's file are captions, and who wrote them."""

from __future__ import annotations

from dataclasses import dataclass

from curate.formats.format import quoted_name

SEGMENT_WORD = "Caption"
SEGMENT_MARK = SEGMENT_WORD + r"\s*\d+\s*:"
"""LVD-2M joins the texts of 30-second pieces so; the exact spacing is not documented."""
LVD2M_MODELS = {"raw": "LLaVA-v1.6-34B", "refined": "Claude-3-Haiku", "rewritten": "LLaMA-3.1-70B"}
_TEXT_COLUMNS = ("caption", "text", "description", "title")


@dataclass(frozen=True)
class Text:
    """A text of a row: its kind in `captions`, SQL for it and for who wrote it, the column it stands in.

    `segments`: its parts behind "Caption x:" are texts of their own.
    """

    kind: str
    sql: str
    model: str
    column: str
    segments: bool = False


def texts_of(format_name: str, columns: frozenset[str]) -> tuple[Text, ...]:
    """The texts of a row of a format of `curate.formats`, for a file with these columns (lower case)."""
    if format_name.startswith("lvd2m"):
        source = "coalesce(nullif(dataset_src, ''), 'unknown')" if "dataset_src" in columns else "'unknown'"
        own = [
            Text(kind, f"{kind}_caption", f"'{model}'", f"{kind}_caption", segments=kind == "raw")
            for kind, model in LVD2M_MODELS.items()
            if f"{kind}_caption" in columns
        ]
        given = [Text("given", "orig_caption", source, "orig_caption")] if "orig_caption" in columns else []
        return (*own, *given)
    if format_name == "hdvila":
        return (Text("given", "scene.caption", "'HD-VG-130M'", ""),)
    names = {"panda70m": "Panda-70M", "internvid": "InternVid", "webvid": "WebVid", "openvid": "OpenVid-1M"}
    candidates = ("name", *_TEXT_COLUMNS) if format_name == "webvid" else _TEXT_COLUMNS
    column = next((name for name in candidates if name in columns), None)
    if column is None:
        return ()
    model = "'" + names.get(format_name, "the dataset") + "'"
    return (Text("given", quoted_name(column), model, column),)
