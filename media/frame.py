"""One decoded picture at its working size, converted only when looked at."""

import av
import cv2
import numpy as np

from media.pixels import Pixels, Scaler, Small, middle_of

DETAIL_SIDE = 256


class Frame:
    """One frame in presentation order. Pixels are made on first use, at the working size, and kept.

    index: counts from 0 at the video's first frame. time_us: since the first frame.
    width, height: of the working picture, upright, with square pixels.
    """

    __slots__ = ("_bgr", "_detail", "_luma", "_picture", "_scaler", "_small", "index", "key_frame", "time_us")

    def __init__(self, index: int, time_us: int, picture: av.VideoFrame, scaler: Scaler) -> None:
        self.index = index
        self.time_us = time_us
        self.key_frame = picture.key_frame
        self._picture: av.VideoFrame | None = picture
        self._scaler = scaler
        self._small: Small | None = None
        self._bgr: Pixels | None = None
        self._luma: Pixels | None = None
        self._detail: Pixels | None = None

    def __repr__(self) -> str:
        return f"Frame(index={self.index}, time_us={self.time_us}, {self.width}x{self.height})"

    @property
    def width(self) -> int:
        return self._scaler.geometry.width

    @property
    def height(self) -> int:
        return self._scaler.geometry.height

    @property
    def display_size(self) -> tuple[int, int]:
        """Width and height of the whole picture as it is shown, of which the working picture is a small one."""
        return self._scaler.display

    @property
    def detail(self) -> Pixels | None:
        """The stored luma around the picture's middle, neither scaled nor turned: uint8 [<= 256, <= 256].

        For what a small picture does not show any more. None where the file stores no luma bytes.
        """
        self._scaled()
        return self._detail

    @property
    def picture(self) -> av.VideoFrame | None:
        """The decoded picture as it is stored, not scaled, not turned; gone once pixels were made."""
        return self._picture

    @property
    def bgr(self) -> Pixels:
        """uint8 [H, W, 3], blue green red, 0-255. Alpha is composed over black; HDR is not tone-mapped."""
        if self._bgr is None:
            self._bgr = self._scaled().bgr()
        return self._bgr

    @property
    def rgb(self) -> Pixels:
        """uint8 [H, W, 3]: `bgr` with the channels the other way round; made anew at every call."""
        return np.asarray(cv2.cvtColor(self.bgr, cv2.COLOR_BGR2RGB), dtype=np.uint8)

    @property
    def luma(self) -> Pixels:
        """uint8 [H, W], 0 black, 255 white: the Y plane, limited range (16-235) stretched; of RGB, BT.601 grey."""
        if self._luma is None:
            self._luma = self._scaled().luma()
        return self._luma

    def settle(self) -> None:
        """Makes the working picture now and lets the large one go; for who keeps many frames."""
        self._scaled()

    def _scaled(self) -> Small:
        if self._small is None:
            assert self._picture is not None
            self._detail = middle_of(self._picture, DETAIL_SIDE)
            self._small = self._scaler.small(self._picture)
            self._picture = None  # the large picture goes back to the decoder
        return self._small
