"""The test server with memory in hand: `python -m bench.warm_server FOLDER MB`; each line that it reads takes memory,
and the next request for a file lets go of it.

A virtual machine gives free memory back to its host within seconds, and the first write to a page that is gone has been
seen to cost ten times the write (on other days nothing: docs/log.md). So a command that starts up before it writes
would be measured with less memory than one that writes at once. What is let go when the first request comes is there
for both.
"""

from __future__ import annotations

import mmap
import sys
import threading
from pathlib import Path

from tests import misbehaving_server

_STEP = 4 << 20


class Handler(misbehaving_server.Handler):
    """Answers once the memory has been let go."""

    server: Server  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_GET(self) -> None:  # noqa: N802  (the library's name)
        self.server.let_go()
        super().do_GET()


class Server(misbehaving_server.Server):
    """Holds memory from `take` to `let_go`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.RequestHandlerClass = Handler
        self._held: mmap.mmap | None = None
        self._guard = threading.Lock()

    def take(self, size: int) -> None:
        """Write to every page of so many bytes, and keep them."""
        held = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        if hasattr(mmap, "MADV_HUGEPAGE"):
            held.madvise(mmap.MADV_HUGEPAGE)
        block = bytes(_STEP)
        for at in range(0, size, _STEP):
            held[at : at + _STEP] = block[: size - at]
        self._held = held

    def let_go(self) -> None:
        if self._held is not None:
            with self._guard:
                if self._held is not None:
                    self._held.close()
                    self._held = None


def main() -> None:
    server = Server(Path(sys.argv[1]))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    for _ in sys.stdin:
        server.take(int(sys.argv[2]) << 20)
        print("taken", flush=True)


if __name__ == "__main__":
    main()
