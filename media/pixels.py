"""From a decoded picture to small numpy pixels: area averaging, exact range and matrix, upright."""

from threading import Lock

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter
from numpy.typing import NDArray

from media.geometry import Geometry

Pixels = NDArray[np.uint8]

# Luma weights (kr, kb) by AVColorSpace. ITU-R BT.601-7, BT.709-6, BT.2020-2, SMPTE 240M, FCC 73.682.
_WEIGHTS = {
    1: (0.2126, 0.0722),
    4: (0.30, 0.11),
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
    10: (0.2627, 0.0593),
}
_ROTATE = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}
_PACKED = ("yuyv422", "uyvy422", "yvyu422", "uyyvyy411")  # luma and chroma in one plane
_FULL_RANGE = np.clip((np.arange(256) - 16) * 255 / 219 + 0.5, 0, 255).astype(np.uint8)


class Scaler:
    """Makes the pixels of one stream's pictures at its working size; safe between threads."""

    def __init__(self, geometry: Geometry, display: tuple[int, int]) -> None:
        """`display`: width and height of the whole picture as it is shown."""
        self.geometry = geometry
        self.display = display
        self._reformatter = VideoReformatter()
        self._lock = Lock()

    def small(self, picture: av.VideoFrame) -> "Small":
        """The picture at the stored working size, not yet turned: YUV stays YUV (full chroma), all else is BGR."""
        kind = picture.format
        alpha = any(part.is_alpha for part in kind.components) or kind.has_palette
        is_yuv = len(kind.components) >= 3 and not (kind.is_rgb or kind.has_palette)
        if is_yuv:
            pix_fmt = "yuva444p" if alpha else "yuv444p"
        elif alpha or len(kind.components) >= 3 or kind.has_palette:
            pix_fmt = "bgra" if alpha else "bgr24"
        else:
            pix_fmt = "gray"
        matrix = _matrix(picture) if is_yuv else None
        full = is_full_range(picture)
        return Small(self, self._resize(picture, pix_fmt, full), matrix, full_range=full)

    def _resize(self, picture: av.VideoFrame, pix_fmt: str, full: bool) -> av.VideoFrame:
        # sws keeps the matrix as it is; one name for all spares it those it does not know
        if not picture.format.is_rgb:
            picture.colorspace = 6
        span = ColorRange.JPEG if full else ColorRange.MPEG
        with self._lock:
            return self._reformatter.reformat(
                picture,
                self.geometry.stored_width,
                self.geometry.stored_height,
                pix_fmt,
                interpolation=Interpolation.AREA,
                src_color_range=span,
                dst_color_range=span,
                threads=1,
            )

    def turn(self, pixels: Pixels) -> Pixels:
        """Upright, contiguous."""
        code = _ROTATE.get(self.geometry.rotation)
        return np.ascontiguousarray(pixels) if code is None else _u8(cv2.rotate(pixels, code))


class Small:
    """A picture at the stored working size, from which luma and bgr are made cheaply."""

    __slots__ = ("_full_range", "_matrix", "_picture", "_scaler")

    def __init__(
        self, scaler: Scaler, picture: av.VideoFrame, matrix: tuple[float, float] | None, *, full_range: bool
    ) -> None:
        self._scaler = scaler
        self._picture = picture
        self._matrix = matrix
        self._full_range = full_range

    def bgr(self) -> Pixels:
        """uint8 [H, W, 3], upright."""
        return self._scaler.turn(self._over_black(self._bgr()))

    def luma(self) -> Pixels:
        """uint8 [H, W], upright, full range."""
        if self._matrix is None and self._picture.format.name != "gray":
            return self._scaler.turn(_u8(cv2.cvtColor(self._over_black(self._bgr()), cv2.COLOR_BGR2GRAY)))
        luma = _plane(self._picture, 0)
        if not self._full_range:
            luma = _u8(cv2.LUT(luma, _FULL_RANGE))
        luma = self._over_black(luma)
        turned = self._scaler.turn(luma)
        return turned.copy() if turned.base is not None or turned is luma else turned

    def _bgr(self) -> Pixels:
        if self._matrix is None:
            plane = _plane(self._picture, 0)
            if self._picture.format.name == "gray":
                luma = plane if self._full_range else _u8(cv2.LUT(plane, _FULL_RANGE))
                return _u8(cv2.cvtColor(luma, cv2.COLOR_GRAY2BGR))
            return plane[:, :, :3]
        yuv = cv2.merge([_plane(self._picture, i) for i in range(3)])
        return _u8(cv2.transform(yuv, _to_bgr(*self._matrix, full_range=self._full_range)))

    def _over_black(self, pixels: Pixels) -> Pixels:
        name = self._picture.format.name
        if name not in ("yuva444p", "bgra"):
            return pixels
        alpha = _plane(self._picture, 3) if name == "yuva444p" else _plane(self._picture, 0)[:, :, 3]
        if alpha.min() == 255:
            return pixels
        share = alpha if pixels.ndim == 2 else alpha[:, :, None]
        return ((pixels.astype(np.uint16) * share + 127) // 255).astype(np.uint8)


def middle_of(picture: av.VideoFrame, side: int) -> Pixels | None:
    """A copy of the stored luma around the picture's middle, not scaled: uint8 [<= side, <= side].

    It begins at a multiple of 16 pixels, so that a codec's blocks lie in it as in the file. None where the picture has
    no plane of luma bytes (RGB, more than eight bits).
    """
    first = picture.format.components[0]
    if picture.format.is_rgb or picture.format.has_palette or first.bits != 8 or picture.planes[0].width < 16:
        return None
    plane = picture.planes[0]
    if plane.line_size < plane.width or picture.format.name in _PACKED:
        return None
    luma = _plane(picture, 0)
    top, left = (max(0, (length - side) // 2) // 16 * 16 for length in luma.shape)
    return luma[top : top + side, left : left + side].copy()


def is_full_range(picture: av.VideoFrame) -> bool:
    """Whether 0 is black and 255 white (else 16 and 235). Untagged YUV is limited; RGB and grey are full."""
    if picture.color_range == ColorRange.UNSPECIFIED:
        return picture.format.is_rgb or picture.format.name.startswith(("yuvj", "pal", "gray", "mono"))
    return picture.color_range == ColorRange.JPEG


def _matrix(picture: av.VideoFrame) -> tuple[float, float]:
    """Luma weights (kr, kb). Untagged is BT.709 from 720 lines (of either side) and BT.601 below, as players do."""
    guess = _WEIGHTS[1] if min(picture.width, picture.height) >= 720 else _WEIGHTS[6]
    return _WEIGHTS.get(picture.colorspace, guess)


def _to_bgr(kr: float, kb: float, *, full_range: bool) -> NDArray[np.float32]:
    """float32 [3, 4]: Y, U, V, 1 in 0-255 to B, G, R in 0-255 (ITU-R BT.601-7, 2.5).

    OpenCV transforms bytes with factors in 1/1024. They are rounded here already, and the constant follows from the
    rounded ones, so that grey stays exactly grey: of a picture that is off by one, the hue would be noise.
    """
    luma, chroma = (1.0, 255 / 255) if full_range else (255 / 219, 255 / 224)
    kg = 1 - kr - kb
    b_u, r_v = 2 * (1 - kb) * chroma, 2 * (1 - kr) * chroma
    g_u, g_v = -b_u * kb / kg, -r_v * kr / kg
    black = 0 if full_range else 16
    exact = [(luma, b_u, 0.0), (luma, g_u, g_v), (luma, 0.0, r_v)]
    rows = [tuple(round(factor * 1024) / 1024 for factor in row) for row in exact]
    return np.array([(y, u, v, -y * black - (u + v) * 128) for y, u, v in rows], dtype=np.float32)


def _plane(picture: av.VideoFrame, number: int) -> Pixels:
    """A view of one plane: uint8 [H, W], or [H, W, channels] of a packed format."""
    plane = picture.planes[number]
    rows = np.frombuffer(memoryview(plane), dtype=np.uint8).reshape(-1, plane.line_size)[: plane.height]
    channels = {"bgr24": 3, "bgra": 4}.get(picture.format.name, 1)
    if channels == 1:
        return rows[:, : plane.width]
    return rows[:, : plane.width * channels].reshape(plane.height, plane.width, channels)


def _u8(pixels: object) -> Pixels:
    return np.asarray(pixels, dtype=np.uint8)
