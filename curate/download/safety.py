"""Which addresses may be connected to: public ones. Checked on the address itself, at the moment of connecting.

A name proves nothing (it can resolve to another address a moment later), and neither does a first url (it can
redirect), so both backends ask here for every single connection: libcurl before it opens a socket, Python's sockets
through an audit hook that sees the resolved address.
"""

from __future__ import annotations

import ipaddress
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from urllib.parse import urlsplit

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_6TO4 = ipaddress.ip_network("2002::/16")


class ForbiddenAddress(OSError):
    """A connection to an address that is not a public one was about to be made."""


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet; addresses that hide another (mapped, 6to4, NAT64) are it."""
    try:
        ip = ipaddress.ip_address(address.split("%", 1)[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified)


@lru_cache(maxsize=8192)
def host_of(url: str) -> str:
    """Host of an http or https url, lower case, all of YouTube under one name.

    Raises:
        ValueError: it is no such url.
    """
    parts = urlsplit(url)
    host = parts.hostname
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError(f"not an http or https url: {url[:200]!r}")
    _ = parts.port  # raises ValueError where it is none
    if any(character in url for character in "\0\r\n\t "):
        raise ValueError(f"a url has no blanks or control characters: {url[:200]!r}")
    host = host.rstrip(".")
    is_youtube = host in ("youtu.be", "youtube.com", "youtube-nocookie.com") or host.endswith(
        (".youtube.com", ".youtube-nocookie.com", ".googlevideo.com")
    )
    return "youtube.com" if is_youtube else host


class _Guarded(threading.local):
    allowed: frozenset[str] | None = None
    """None: this thread may connect anywhere; else only to public addresses and to these"""


_guarded = _Guarded()
_installed = threading.Lock()


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if event != "socket.connect" or _guarded.allowed is None:
        return
    address = arguments[1]
    host = str(address[0]) if isinstance(address, tuple) and address else str(address)
    if host not in _guarded.allowed and not is_public(host):
        raise ForbiddenAddress(f"{host} is not a public address")


def only_public_in_process() -> None:
    """From here on no thread of this process connects to an address that is not public. It cannot be taken back."""
    _install()
    _Guarded.allowed = frozenset()


def _install() -> None:
    if _installed.acquire(blocking=False):  # once a process, for good: an audit hook cannot be taken away
        sys.addaudithook(_hook)


@contextmanager
def only_public(*, but: frozenset[str] = frozenset()) -> Iterator[None]:
    """Within, this thread's Python sockets connect to public addresses only (and to those in `but`, a proxy's)."""
    _install()
    before, _guarded.allowed = _guarded.allowed, but
    try:
        yield
    finally:
        _guarded.allowed = before
