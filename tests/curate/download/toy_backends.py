"""Backends that do what libraries do at their worst."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time

from curate.download.backend import Fetched, Target


class Toy:
    """The url says what happens."""

    name = "toy"

    def fetch(self, target: Target) -> Fetched:
        what = target.url
        if what == "sleep":  # with a program that it started
            program = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
            target.partial.write_text(str(program.pid), encoding="utf-8")
            time.sleep(600)
        if what == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        if what == "bug":
            raise ZeroDivisionError("a bug of the toy")
        if what == "beats":
            for _ in range(25):
                time.sleep(0.1)
                target.beat()
        if what == "waits":
            while not target.stop.is_set():
                time.sleep(0.05)
            return Fetched("network", "it stopped by itself")
        if what.startswith("connect:"):
            return Fetched("ok", _of_thread(int(what[8:])))
        return Fetched("ok", str(os.getpid()))


def _of_thread(port: int) -> str:
    """What a thread that a library started finds when it connects."""
    said = list[str]()

    def connect() -> None:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            said.append("connected")
        except OSError as error:
            said.append(str(error))

    thread = threading.Thread(target=connect)
    thread.start()
    thread.join()
    return said[0]
