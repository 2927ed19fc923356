"""Which H.264 packets may be left out, beside what FFmpeg leaves out itself."""

from __future__ import annotations

from pathlib import Path

import av
import pytest
from av.packet import Packet

from media.nal_units import Unreferenced
from tests.conftest import MadeVideos


@pytest.mark.parametrize("name", ["lengths.mp4", "start_codes.ts", "lengths.mkv"])
def test_what_is_left_out_is_what_the_decoder_would_skip(make_video: MadeVideos, name: str) -> None:
    path = make_video(scenes=[("natural:1", 60), ("city:2", 60)], name=name, b_frames=3)
    skipped = _times(path, skip=True)
    assert len(skipped) < len(_times(path))  # there are such packets
    assert _times(path, leave_out=True) == skipped


def test_every_picture_decodes_to_the_same_without_them(make_video: MadeVideos) -> None:
    path = make_video(scenes=[("natural:1", 60)], name="same.mp4", b_frames=3)
    assert _pixels(path, leave_out=True) == _pixels(path, skip=True)


@pytest.mark.parametrize(
    ("extradata", "data", "is_left_out"),
    [
        (b"\1dat\xff", b"\0\0\0\2\x01a", True),
        (b"\1dat\xff", b"\0\0\0\2\x21a", False),  # of a slice that others refer to
        (b"\1dat\xff", b"\0\0\0\2\x01a\0\0\0\2\x41a", False),  # two fields, one of which is referred to
        (b"\1dat\xff", b"\0\0\0\2\x06a\0\0\0\2\x01a", True),  # behind a message
        (b"\1dat\xff", b"\0\0\0\2\x68a\0\0\0\2\x01a", False),  # behind parameters for others
        (b"\1dat\xff", b"\0\0\0\2\x06a", False),  # no slice
        (b"\1dat\xff", b"\0\0\0\7\x01a", False),  # the length is wrong
        (b"\1dat\xff", b"\0\0\0\0", False),
        (b"\1dat\xff", b"\0\0", False),
        (b"\1dat\xfc", b"\2\x01a", True),  # lengths of one byte
        (b"", b"\0\0\1\x09\xf0\0\0\0\1\x01a", True),
        (b"", b"\0\0\1\x09\xf0\0\0\0\1\x61a", False),
        (b"", b"\0\0\1", False),
        (b"", b"", False),
    ],
)
def test_packets_by_hand(extradata: bytes, data: bytes, is_left_out: bool) -> None:
    context = av.CodecContext.create("h264", "r")
    context.extradata = extradata
    assert Unreferenced(context)(Packet(data)) is is_left_out


def _decoded(path: Path, *, leave_out: bool = False, skip: bool = False) -> list[av.VideoFrame]:
    with av.open(path) as container:
        stream = container.streams.video[0]
        unreferenced = Unreferenced(stream.codec_context)
        stream.codec_context.skip_frame = "NONREF" if skip else "DEFAULT"
        packets = (packet for packet in container.demux(stream) if not (leave_out and unreferenced(packet)))
        return [frame for packet in packets for frame in packet.decode() if isinstance(frame, av.VideoFrame)]


def _times(path: Path, *, leave_out: bool = False, skip: bool = False) -> list[int | None]:
    return [frame.pts for frame in _decoded(path, leave_out=leave_out, skip=skip)]


def _pixels(path: Path, *, leave_out: bool = False, skip: bool = False) -> list[bytes]:
    frames = _decoded(path, leave_out=leave_out, skip=skip)
    return [frame.to_ndarray().tobytes() for frame in frames]
