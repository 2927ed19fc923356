"""What a file is by its own bytes: a video container, or something else that was sent in its place."""

from __future__ import annotations

import os
import struct

HEAD_BYTES = 512
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


def missing_bytes(descriptor: int) -> int:
    """Bytes that an mp4 or mov lacks at its end: its last box says how far it reaches. 0 for whole and for other
    files."""
    size, at = os.fstat(descriptor).st_size, 0
    while at + 8 <= size:
        head = os.pread(descriptor, 16, at)
        if at == 0 and head[4:8] not in _ATOMS:
            return 0
        length = struct.unpack(">I", head[:4])[0]
        if length == 1 and len(head) == 16:
            length = struct.unpack(">Q", head[8:16])[0]
        if length == 0:  # reaches to the end, wherever that is
            return 0
        if length < 8 or not head[4:8].isascii():  # what comes behind the last box is for the demuxer to judge
            return 0
        at += length
    return max(0, at - size)
