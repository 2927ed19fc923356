"""The OCR engine that `curate ocr` knows, as a `Reader`: RapidOCR, whose models lie in its package. Extra `ocr`."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from curate.ocr_stage import MAX_SIDE, Line, Reader, ReadLines

PACKAGE, RUNTIME = "rapidocr", "onnxruntime"


def rapidocr() -> Reader:
    """RapidOCR as it is installed. Raises ModuleNotFoundError where it, or the runtime of its models, is not."""
    try:
        versions = [version(package) for package in (PACKAGE, RUNTIME)]
    except PackageNotFoundError as error:
        raise ModuleNotFoundError(f"no package {error.name!r}", name=error.name) from None
    return Reader(PACKAGE, versions[0], load_rapidocr)


def load_rapidocr(threads: int) -> ReadLines:
    """The engine, ready to read with so many threads."""
    from rapidocr import RapidOCR  # noqa: PLC0415

    engine: Any = RapidOCR(
        params={
            "Global.log_level": "critical",
            "EngineConfig.onnxruntime.intra_op_num_threads": threads,
            "Det.limit_type": "max",
            "Det.limit_side_len": MAX_SIDE,
        }
    )

    def read_lines(frame: np.ndarray) -> list[Line]:
        found = engine(np.ascontiguousarray(frame[:, :, ::-1]))  # it takes BGR, as OpenCV does
        if found.boxes is None or found.txts is None:
            return []
        return [Line(*one) for one in zip(found.boxes, found.txts, map(float, found.scores), strict=True)]

    return read_lines
