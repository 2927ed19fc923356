"""Very long videos at no cost: the packets of one encoded video, over and over."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import av

from media.synthetic.truth import TrueClip, TrueCut, TrueFlash, Truth


def write_looped(path: Path, source: Path, truth: Truth, times: int, seamless: bool = False) -> Truth:
    """Writes `source` (whose truth is `truth`) `times` times in a row to `path`: packets only, without sound.

    Where it starts again there is a hard cut; with `seamless` there is none, which needs a source that is one clip
    and ends as it began (`still_world`, `loop_world`). Raises ValueError for less than once, or for a seamless loop
    of several clips.
    """
    if times < 1:
        raise ValueError(f"times must be >= 1, got {times}. Once is a plain copy.")
    if seamless and len(truth.clips) != 1:
        raise ValueError(f"a seamless loop needs a source of 1 clip, got {len(truth.clips)}. Leave seamless out.")
    part = path.with_name(f".part-{os.getpid()}-{path.name}")
    try:
        period_us = _remux(part, source, truth, times)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return _looped(truth, times, period_us, seamless)


def _remux(path: Path, source: Path, truth: Truth, times: int) -> float:
    """Copies the packets; returns the loop's period in microseconds, exact in the file's time base."""
    with av.open(str(source)) as reader, av.open(str(path), "w") as writer:
        stream = reader.streams.video[0]
        base = stream.time_base
        assert base is not None, "a file just written has a time base"
        copy = writer.add_stream_from_template(stream)
        packets = [packet for packet in reader.demux(stream) if packet.size]
        stamps = [(packet.pts, packet.dts) for packet in packets]
        period = round(truth.end_us / 1_000_000 / base)
        for index in range(times):
            for packet, (pts, dts) in zip(packets, stamps, strict=True):
                packet.stream, packet.time_base = copy, base
                packet.pts = None if pts is None else pts + index * period
                packet.dts = None if dts is None else dts + index * period
                writer.mux_one(packet)
        return float(period * base * 1_000_000)


def _looped(truth: Truth, times: int, period_us: float, seamless: bool) -> Truth:
    starts = [round(index * period_us) for index in range(times)]
    end_us = starts[-1] + truth.end_us
    cuts = [TrueCut(start + cut.start_us, start + cut.end_us, cut.kind) for start in starts for cut in truth.cuts]
    clips = [
        replace(clip, start_us=start + clip.start_us, end_us=start + clip.end_us)
        for start in starts
        for clip in truth.clips
    ]
    if seamless:
        clips: list[TrueClip] = [replace(truth.clips[0], end_us=end_us, num_frames=times * truth.num_frames)]
    else:
        cuts += [TrueCut(start, start, "hard") for start in starts[1:]]
    return replace(
        truth,
        frame_times_us=tuple(start + at for start in starts for at in truth.frame_times_us),
        end_us=end_us,
        cuts=tuple(sorted(cuts, key=lambda cut: cut.start_us)),
        flashes=tuple(
            TrueFlash(start + flash.start_us, start + flash.end_us) for start in starts for flash in truth.flashes
        ),
        clips=tuple(clips),
    )
