"""Real photographs, and things cut out of them, that takes are made of (see `photo_take`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from media.synthetic.texture import Image

SIDE = 640  # pixels; the longer side of a photograph
CUTOUT_SIDE = 200
LEAST_STD = 12.0  # luma; what is flatter is no photograph
LEAST_DETAIL = 2.0  # mean difference of neighbouring pixels; what has less is a drawing
LEAST_SIDE = 200
LEAST_CUTOUT = 100
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


@dataclass(frozen=True, eq=False)
class Photographs:
    """pictures: uint8 [H, W, 3] RGB, the longer side SIDE; cutouts: uint8 [h, w, 4], RGB times alpha, and alpha."""

    pictures: tuple[Image, ...] = ()
    cutouts: tuple[Image, ...] = ()


def read_photographs(folders: Iterable[Path], report: Callable[[str], None] = lambda line: None) -> Photographs:
    """All pictures below the folders, in the order of their paths; those with a transparent surround are cutouts.

    What OpenCV cannot read, and pictures that are small or flat, are left out.
    """
    pictures, cutouts = list[Image](), list[Image]()
    paths = [path for folder in folders for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES]
    for path in sorted(path for path in paths if path.is_file() and not path.is_symlink()):
        read = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        if read is None or read.dtype != np.uint8 or read.ndim != 3 or min(read.shape[:2]) < LEAST_CUTOUT:
            continue
        if read.shape[2] == 4 and (read[..., 3] < 128).mean() > 0.05:
            cutouts.append(_cutout(read))
        elif min(read.shape[:2]) >= LEAST_SIDE:
            picture = _shrunk(read[..., :3], SIDE)
            is_wide = picture.shape[0] >= LEAST_SIDE and picture.shape[1] >= LEAST_SIDE
            if is_wide and picture.std() >= LEAST_STD and _detail(picture) >= LEAST_DETAIL:
                pictures.append(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))
    report(f"{len(pictures)} photographs, {len(cutouts)} cutouts")
    return Photographs(tuple(pictures), tuple(cutouts))


def _detail(picture: Image) -> float:
    return float(np.abs(np.diff(picture.astype(np.int16), axis=1)).mean())


def _shrunk(picture: Image, side: int) -> Image:
    scale = side / max(picture.shape[:2])
    size = max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _cutout(read: Image) -> Image:
    alpha = read[..., 3:].astype(np.float32) / 255
    shown = cv2.cvtColor(read[..., :3], cv2.COLOR_BGR2RGB) * alpha
    return _shrunk(np.concatenate([shown, alpha * 255], axis=2).astype(np.uint8), CUTOUT_SIDE)
