"""Writes worlds to video files, and what is true about each file."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.video.stream import VideoStream

from media.synthetic.audio import Tone
from media.synthetic.encoding import CODECS, Encoding
from media.synthetic.motion import scene_motion
from media.synthetic.scene import exact_seconds
from media.synthetic.texture import Image
from media.synthetic.truth import TrueClip, TrueCut, TrueFlash, Truth
from media.synthetic.world import World

LUMA_WIDTH = 160


def write(world: World, encoding: Encoding, path: Path) -> Truth:
    """Encodes `world` to `path` (whose suffix names the container) and says what is true about the file.

    Raises ValueError when the world has a scene that no frame of this encoding shows.
    """
    times = [Fraction(tick) / encoding.fps for tick in encoding.ticks(world.seconds)]
    width, height = encoding.display_size
    file_times = write_frames((world.frame(at, width, height) for at in times), encoding, path)
    return truth_of(world, encoding, times, file_times)


def write_frames(frames: Iterable[Image], encoding: Encoding, path: Path) -> list[int]:
    """Encodes frames (uint8 [H, W, 3] RGB, as the viewer sees them) at the encoding's ticks.

    Returns each frame's time in the file: microseconds from the first. The file gets its name when complete.
    """
    part = path.with_name(f".part-{os.getpid()}-{path.name}")
    try:
        with _quiet_encoders(), av.open(str(part), "w") as container:
            stream = _video_stream(container, encoding)
            tone = Tone(container, path.suffix) if encoding.audio else None
            count = 0
            for count, frame in enumerate(frames, 1):
                video = _video_frame(frame, encoding, count - 1)
                container.mux(stream.encode(video))
                if tone:
                    tone.write_until(float(encoding.tick_after(count) / encoding.fps))
            container.mux(stream.encode(None))
            if tone:
                tone.close()
        times = _webp_times(encoding, count) if path.suffix == ".webp" else frame_times(part)
        if len(times) != count:
            raise RuntimeError(f"{path.name}: wrote {count} frames, the file holds {len(times)}.")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return times


def frame_times(path: Path) -> list[int]:
    """When each frame is shown: microseconds from the first, by its packets; decodes where they do not say."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        packets = [packet for packet in container.demux(stream) if packet.size]
        stamps = [packet.pts for packet in packets]
        base = stream.time_base
    if None in stamps or len(set(stamps)) != len(stamps):
        with av.open(str(path)) as container:
            stamps = [frame.pts for frame in container.decode(video=0)]
    known = sorted(stamp for stamp in stamps if stamp is not None)
    assert base is not None and len(known) == len(stamps), "a file just written has time stamps"
    return [round((stamp - known[0]) * base * 1_000_000) for stamp in known]


def _webp_times(encoding: Encoding, count: int) -> list[int]:
    """FFmpeg writes animated WebP but cannot read it; its clock is whole milliseconds."""
    return [round(encoding.tick_after(index) * 1000 / encoding.fps) * 1000 for index in range(count)]


def truth_of(world: World, encoding: Encoding, times: list[Fraction], file_times: list[int]) -> Truth:
    """The truth about frames taken from `world` at `times` (seconds) that lie at `file_times` (microseconds)."""
    last_tick = encoding.tick_after(len(times)) - encoding.tick_after(len(times) - 1)
    ends = [*file_times, file_times[-1] + round(last_tick / encoding.fps * 1_000_000)]
    cuts, edges = [], [0]
    for index, transition in enumerate(world.transitions):
        start, end = world.transition_spans[index]
        # a frame exactly at the start still is the old scene: the first mixed frame comes after it
        first_new = bisect_left(times, end)
        first_mixed = first_new
        while first_mixed and times[first_mixed - 1] > start:
            first_mixed -= 1
        kind = transition.kind if first_mixed < first_new else "hard"
        cuts.append(TrueCut(ends[first_mixed], ends[first_new], kind))
        edges += [first_mixed, first_new]
    edges.append(len(times))
    return Truth(
        codec=encoding.codec,
        width=encoding.size[0],
        height=encoding.size[1],
        rotation=encoding.rotation,
        frame_times_us=tuple(file_times),
        end_us=ends[-1],
        cuts=tuple(cuts),
        flashes=tuple(_true_flashes(world, times, ends)),
        clips=tuple(_true_clips(world, encoding, edges, ends)),
    )


def _true_flashes(world: World, times: list[Fraction], ends: list[int]) -> Iterator[TrueFlash]:
    for start, flash in world.flashes:
        first, after = bisect_left(times, start), bisect_left(times, start + exact_seconds(flash.seconds))
        if first < after:
            yield TrueFlash(ends[first], ends[after])


def _true_clips(world: World, encoding: Encoding, edges: list[int], ends: list[int]) -> Iterator[TrueClip]:
    width, height = encoding.display_size
    for index, (span, scene) in enumerate(zip(world.clip_spans, world.scenes, strict=True)):
        first, after = edges[2 * index], edges[2 * index + 1]
        if first >= after:
            raise ValueError(
                f"scene {index} shows no frame of its own at {encoding.fps} frames per second. "
                "Raise fps or its seconds."
            )
        own = (span[0] - world.starts[index], span[1] - world.starts[index])
        motion = scene_motion(scene, own, width / height)
        yield TrueClip(ends[first], ends[after], after - first, _luma(world, span, width, height), motion)


def _luma(world: World, span: tuple[Fraction, Fraction], width: int, height: int) -> float:
    """Mean luma 0..255 (BT.601, full range) over the span: four small pictures a second."""
    while width > LUMA_WIDTH:
        width, height = width // 2, max(2, height // 2)
    count = max(2, round((span[1] - span[0]) * 4))
    times = [span[0] + (span[1] - span[0]) * Fraction(2 * index + 1, 2 * count) for index in range(count)]
    pictures = (world.frame(at, width, height) for at in times)
    return float(np.mean([cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).mean() for picture in pictures]))


def _video_stream(container: Any, encoding: Encoding) -> VideoStream:
    defaults = CODECS[encoding.codec]
    fps = Fraction(encoding.fps)
    options = dict(defaults.options) | dict(encoding.options)
    crf = defaults.crf if encoding.crf is None else encoding.crf
    if crf is not None and encoding.bits_per_second is None:
        options["crf"] = str(crf)
    if encoding.b_frames is not None:
        options["bf"] = str(encoding.b_frames)
    stream: VideoStream = container.add_stream(encoding.codec, rate=fps, options=options)
    stream.width, stream.height = encoding.size
    stream.pix_fmt = encoding.pix_fmt or defaults.pix_fmt
    context = stream.codec_context
    context.time_base = 1 / fps
    context.thread_count = 1
    if encoding.gop is not None:
        context.gop_size = encoding.gop
    bits = encoding.bits_per_second
    if bits is None and defaults.bits_per_pixel is not None:
        bits = max(100_000, round(defaults.bits_per_pixel * encoding.size[0] * encoding.size[1] * fps))
    context.bit_rate = bits or 0
    if encoding.sample_aspect != 1:
        context.sample_aspect_ratio = encoding.sample_aspect
    if encoding.rotation:
        stream.set_display_rotation(encoding.rotation)
    return stream


def _video_frame(picture: Image, encoding: Encoding, index: int) -> av.VideoFrame:
    coded: Any = np.rot90(picture, -encoding.rotation // 90)
    if coded.shape[:2] != encoding.size[::-1]:
        coded = cv2.resize(coded, encoding.size, interpolation=cv2.INTER_AREA)
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(coded), format="rgb24")
    frame = frame.reformat(format=encoding.pix_fmt or CODECS[encoding.codec].pix_fmt)
    frame.time_base = 1 / Fraction(encoding.fps)
    frame.pts = encoding.tick_after(index) + round(exact_seconds(encoding.start_offset_s) * encoding.fps)
    return frame


@contextmanager
def _quiet_encoders() -> Iterator[None]:
    """SVT-AV1 writes its banner to stderr by itself, unless this variable says errors only."""
    before = os.environ.get("SVT_LOG")
    os.environ["SVT_LOG"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["SVT_LOG"]
        else:
            os.environ["SVT_LOG"] = before
