"""A web server that does what real ones do: `/<how>/<file>` serves a file of its folder in a certain way.

ok, no_version (neither etag nor date), no_ranges, slow (a pause at half), stalls (nothing after half), reset (the
connection breaks at half, every time), reset_once, too_long (fewer bytes come than announced), cut_off (a length that
is not the file's), html, empty, 401 … 503, limited (429 with Retry-After: 1, once, then ok), limited_always, busy_once
(503, Retry-After: 1), expired, redirect (to ok), to_private, to_file, loop, changing (another etag each time).
`python -m tests.misbehaving_server FOLDER [PORT]` runs it by itself and prints its port.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

PAGE = b"<!DOCTYPE html><html><body>This video is not here any more.</body></html>"


class Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"
    server: Server  # pyright: ignore[reportIncompatibleVariableOverride]
    wbufsize = 0

    def do_HEAD(self) -> None:
        """pytube asks for a stream's length so."""
        path = self.path.split("?", 1)[0]
        _, how, name = [*path.split("/", 2), "", ""][:3]
        file = self.server.folder / name
        with self.server.lock:
            self.server.asked.append((self.path, None))
        self.send_response(int(how) if how.isdigit() else 200)
        self.send_header("Content-Length", str(file.stat().st_size if file.is_file() else 0))
        self.end_headers()

    def do_GET(self) -> None:
        path = self.path.split("?", 1)[0]
        _, how, name = [*path.split("/", 2), "", ""][:3]
        with self.server.lock:
            self.server.asked.append((self.path, self.headers.get("Range")))
            self.server.times[self.path] += 1
            time_ = self.server.times[self.path]
        self._answer(how, self.server.folder / name, time_)

    def _answer(self, how: str, file: Path, time_: int) -> None:
        if how.isdigit():
            self._say(int(how))
        elif how in ("limited", "busy_once") and time_ == 1:
            self._say(429 if how == "limited" else 503, {"Retry-After": "1"})
        elif how == "limited_always":
            self._say(429, {"Retry-After": "1"})
        elif how == "expired":
            self._say(403, body=b"Request has expired")
        elif how == "html":
            self._say(200, {"Content-Type": "video/mp4"}, PAGE)
        elif how == "empty":
            self._say(200)
        elif how in ("redirect", "to_private", "to_file", "loop"):
            self._redirect(how, file)
        elif not file.is_file():
            self._say(404)
        else:
            self._serve(how, file, time_)

    def _redirect(self, how: str, file: Path) -> None:
        private = f"http://localhost:{self.server.server_port}/ok/{file.name}"
        to = {"redirect": f"/ok/{file.name}", "to_private": private, "to_file": "file:///etc/passwd",
              "loop": self.path}[how]  # fmt: skip
        self._say(302, {"Location": to})

    def _say(self, status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _serve(self, how: str, file: Path, time_: int) -> None:
        size = file.stat().st_size
        etag = f'"{size}-{time_ if how == "changing" else 0}"'
        start = self._start(size, etag) if how != "no_ranges" else 0
        if start is None:
            self._say(416, {"Content-Range": f"bytes */{size}"})
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        if how != "no_version":
            self.send_header("ETag", etag)
        length = size - start
        shown = {"too_long": length + 1000, "cut_off": max(1, length - 1000)}.get(how, length)
        self.send_header("Content-Length", str(shown))
        self.send_header("Content-Type", "video/mp4")
        self.end_headers()
        self._send(how, file, start, size, time_)

    def _start(self, size: int, etag: str) -> int | None:
        """Where the asked range begins: 0 for the whole file, None for a range behind its end."""
        asked = self.headers.get("Range", "")
        condition = self.headers.get("If-Range")
        if not asked.startswith("bytes=") or (condition is not None and condition != etag):
            return 0
        start = int(asked[6:].split("-")[0])
        return start if start < size else None

    def _send(self, how: str, file: Path, start: int, size: int, time_: int) -> None:
        half = start + (size - start) // 2
        breaks = how == "reset" or (how in ("reset_once", "no_version", "changing") and time_ == 1)
        with file.open("rb") as content:
            if not (breaks or how in ("slow", "stalls", "cut_off", "too_long")):
                self._copy(content, start, size)
                return
            self._copy(content, start, {"cut_off": size - 1000, "too_long": size}.get(how, half))
            if breaks:
                self._reset()
            elif how == "slow":
                time.sleep(0.3)
                self._copy(content, half, size)
            elif how == "stalls":
                self.server.ends.wait(30)
                self._reset()
            self.close_connection = True

    def _copy(self, content: Any, start: int, end: int) -> None:
        while start < end:
            sent = os.sendfile(self.connection.fileno(), content.fileno(), start, end - start)
            if not sent:
                return
            start += sent

    def _reset(self) -> None:
        """Close without a farewell: the other side sees a reset."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def handle(self) -> None:
        with suppress(ConnectionError, TimeoutError):
            super().handle()


class Server(ThreadingHTTPServer):
    """`asked`: every request with its Range; `times`: how often each path was asked for."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, folder: Path, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.folder, self.lock, self.ends = folder, threading.Lock(), threading.Event()
        self.asked: list[tuple[str, str | None]] = []
        self.times: Counter[str] = Counter()

    def url(self, how: str, name: str, query: str = "") -> str:
        return f"http://127.0.0.1:{self.server_port}/{how}/{name}{query}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exc_info()[1]
        if not isinstance(error, ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """A server of a folder's files, as long as the block runs."""
    server = Server(folder)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.ends.set()
        server.shutdown()
        thread.join()
        server.server_close()


if __name__ == "__main__":
    alone = Server(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    print(alone.server_port, flush=True)
    alone.serve_forever()
