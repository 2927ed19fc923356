"""The test server with memory in hand: `python -m bench.warm_server FOLDER MB`; each line that it reads takes memory,
and each request for a file lets go of some.

A virtual machine gives free memory back to its host within seconds, and the first write to a page that is gone has been
seen to cost ten times the write (on other days nothing: docs/log.md). So a command that starts up before it writes, or
that writes for longer, would be measured with less memory than one that is done at once. What each request lets go of
is there for both.
"""

from __future__ import annotations

import mmap
import sys
import threading
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from tests import misbehaving_server

STEP = 64 << 20
HEAD_START = 256 << 20
"""let go of with the first request"""
FOR_A_BYTE = 2
"""How much memory is let go of for a byte of a file: it lies in the page cache, and sockets and processes take some."""


class Handler(misbehaving_server.Handler):
    """Answers once the memory for it has been let go."""

    server: Server  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_GET(self) -> None:  # noqa: N802  (the library's name)
        self.server.let_go_for(PurePosixPath(urlsplit(self.path).path).name)
        super().do_GET()


class Server(misbehaving_server.Server):
    """Holds memory from `take` until requests let go of it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.RequestHandlerClass = Handler
        self._held, self._owed = list[mmap.mmap](), 0
        self._guard = threading.Lock()

    def take(self, size: int) -> None:
        """Write to every page of so many bytes, and keep them."""
        self._held, self._owed = [_written(STEP) for _ in range(0, size, STEP)], HEAD_START

    def let_go_for(self, name: str) -> None:
        """Let go of what the file of this name will take."""
        if not self._held:
            return
        size = (self.folder / name).stat().st_size
        with self._guard:
            self._owed += FOR_A_BYTE * size
            while self._held and self._owed >= STEP:
                self._held.pop().close()
                self._owed -= STEP


def _written(size: int) -> mmap.mmap:
    held = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        held.madvise(mmap.MADV_HUGEPAGE)
    held[:] = bytes(size)
    return held


def main() -> None:
    server = Server(Path(sys.argv[1]))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    for _ in sys.stdin:
        server.take(int(sys.argv[2]) << 20)
        print("taken", flush=True)


if __name__ == "__main__":
    main()
