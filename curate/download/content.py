"""What a file is by its own bytes: a video container, or something else that was sent in its place."""

from __future__ import annotations

import struct

HEAD_BYTES = 512
_HEAD, _SHORT_HEAD = 16, 8  # of a box: its length and kind, and a length that needs 8 bytes
_STARTS = (
    (b"\x1a\x45\xdf\xa3", ".mkv"), (b"FLV\x01", ".flv"), (b"OggS", ".ogv"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", ".wmv"),
    (b"\x00\x00\x01\xba", ".mpg"), (b"\x00\x00\x01\xb3", ".mpg"), (b"GIF87a", ".gif"), (b"GIF89a", ".gif"),
    (b"YUV4MPEG2 ", ".y4m"), (b"DKIF", ".ivf"), (b"\x06\x0e\x2b\x34", ".mxf"), (b".RMF", ".rm"),
    (b"\x00\x00\x00\x01", ".h264"), (b"\x00\x00\x01", ".h264"), (b"\x12\x00\x0a", ".obu"),
)  # fmt: skip
_ATOMS = frozenset({b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"moof", b"styp", b"sidx"})


def container_suffix(head: bytes) -> str | None:
    """Suffix for a file that begins with these bytes (a few hundred); None where it is no video container."""
    if head[4:8] in _ATOMS:
        return ".mov" if head[4:12] == b"ftypqt  " else ".mp4"
    if head[:4] == b"RIFF" and head[8:12] in (b"AVI ", b"WEBP"):
        return ".avi" if head[8:12] == b"AVI " else ".webp"
    if head[:4] == b"\x1a\x45\xdf\xa3" and b"webm" in head[:64]:
        return ".webm"
    for packet in (188, 192, 204):
        start = 4 if packet == 192 else 0
        if len(head) > start + packet and head[start] == head[start + packet] == 0x47:
            return ".ts"
    return next((suffix for start, suffix in _STARTS if head.startswith(start)), None)


def looks_like(head: bytes) -> str:
    """What something that is no video is, for a person."""
    text = head.lstrip(b"\xef\xbb\xbf \r\n\t").lower()
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return "an html page"
    if text.startswith(b"<"):
        return "xml"
    if text.startswith((b"{", b"[")):
        return "json"
    if not head:
        return "an empty file"
    return "a text" if all(byte >= 32 or byte in b"\r\n\t" for byte in head) else "no video container"


class Boxes:
    """The boxes of an mp4 or mov, followed while its bytes come: its last one says how far the file should reach."""

    def __init__(self) -> None:
        self._size, self._head = 0, b""
        self._at: int | None = 0
        """where the box begins whose head is awaited; None where there is no more to follow"""

    def feed(self, block: bytes | memoryview) -> None:
        """The next bytes of the file."""
        start, self._size = self._size, self._size + len(block)
        while self._at is not None and self._at < self._size:
            begin = self._at + len(self._head)
            self._head += block[begin - start : self._at + _HEAD - start]
            if len(self._head) < _HEAD:
                return
            self._pass()

    @property
    def missing_bytes(self) -> int:
        """Bytes that lack at the end if nothing more comes; 0 for a whole file and for one that is none of these."""
        if self._at is not None and len(self._head) >= _SHORT_HEAD:
            self._pass()
        return 0 if self._at is None else max(0, self._at - self._size)

    def _pass(self) -> None:
        """Go on to the next box."""
        assert self._at is not None
        length, kind = struct.unpack(">I4s", self._head[:_SHORT_HEAD])
        if length == 1 and len(self._head) == _HEAD:
            length = struct.unpack(">Q", self._head[_SHORT_HEAD:])[0]
        is_first_of_another = self._at == 0 and kind not in _ATOMS
        # a length of 0 reaches to the end, wherever that is; what is no box behind the last is for the demuxer to judge
        if is_first_of_another or length < _SHORT_HEAD or not kind.isascii():
            self._at = None
            return
        self._at, self._head = self._at + length, self._head[length:]
