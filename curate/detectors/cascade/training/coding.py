"""Encoding a made video and decoding it again, with what encoders do to pictures: blocks, stale parts, pumping."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import cast

import av
import numpy as np

from curate.detectors.cascade.training.draws import one_of, whole

QUALITY_STEP = 118  # FFmpeg's FF_QP2LAMBDA: one step of MPEG-4's quantiser
RATE = 15  # that the encoder believes in; looks have no steady one


@dataclass(frozen=True)
class Coding:
    """An encoder's name and its settings."""

    codec: str
    options: tuple[tuple[str, str], ...]

    def of(self, pictures: Iterable[av.VideoFrame]) -> Iterator[av.VideoFrame]:
        """The pictures (sides even) after encoding and decoding, as many and in their order."""
        file = io.BytesIO()
        with av.open(file, "w", format="matroska") as written:
            stream: av.VideoStream | None = None
            for picture in pictures:
                if stream is None:
                    added = written.add_stream(self.codec, rate=RATE, options=dict(self.options))
                    stream = cast("av.VideoStream", added)
                    stream.height, stream.width = picture.height, picture.width
                    stream.pix_fmt = "yuv420p"
                    stream.thread_count = 1
                written.mux(stream.encode(picture))
            if stream is not None:
                written.mux(stream.encode(None))
        file.seek(0)
        with av.open(file, "r") as read:
            read.streams.video[0].thread_type = "NONE"
            yield from read.decode(video=0)


def drawn_coding(random: np.random.Generator) -> Coding | None:
    """None for about half of the videos."""
    gop = str(one_of(random, (12, 30, 60, 250)))
    if random.random() < 0.5:
        return None
    if random.random() < 0.3:
        quality = str(QUALITY_STEP * whole(random, 3, 25))
        return Coding("mpeg4", (("qmin", "2"), ("global_quality", quality), ("flags", "+qscale"), ("g", gop)))
    preset = one_of(random, ("ultrafast", "veryfast", "faster"))
    return Coding("libx264", (("preset", preset), ("crf", str(whole(random, 20, 40))), ("g", gop)))
