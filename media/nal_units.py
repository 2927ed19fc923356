"""What H.264 packets say of themselves in the headers of their units, read without decoding (ITU-T H.264, 7.3.1)."""

from __future__ import annotations

from collections.abc import Iterator

from av.codec.context import CodecContext
from av.packet import Packet

_SLICES = range(1, 6)
_PARAMETERS = (7, 8, 13, 15)  # what pictures behind this one may need
_START = b"\0\0\1"


class Unreferenced:
    """Says of packets of one H.264 stream whether no other picture needs theirs."""

    def __init__(self, context: CodecContext) -> None:
        extra = context.extradata or b""
        # ISO/IEC 14496-15, 5.3.3.1: version 1, and in the fifth byte how long a length is
        self._length_bytes = (extra[4] & 3) + 1 if len(extra) > 4 and extra[0] == 1 else 0

    def __call__(self, packet: Packet) -> bool:
        """Certainly not needed. False where the packet cannot be read, or holds parameters besides its picture."""
        data = bytes(packet)
        found_slice = False
        for header in self._lengths(data) if self._length_bytes else _start_codes(data):
            if header is None or header & 31 in _PARAMETERS:
                return False
            if header & 31 in _SLICES:
                found_slice = True
                if header >> 5 & 3:
                    return False
        return found_slice

    def _lengths(self, data: bytes) -> Iterator[int | None]:
        """First bytes of units that stand behind their lengths; None for what is none."""
        at, size = 0, self._length_bytes
        while at < len(data):
            begin = at + size
            at = begin + int.from_bytes(data[at:begin])
            yield data[begin] if begin < at <= len(data) else None


def _start_codes(data: bytes) -> Iterator[int | None]:
    """First bytes of units that stand behind start codes."""
    at = data.find(_START)
    while at >= 0:
        yield data[at + 3] if at + 3 < len(data) else None
        at = data.find(_START, at + 3)
