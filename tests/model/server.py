"""A chat-completions server on this machine that answers, or misbehaves, as it is told."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = tuple[int, dict[str, str], str]  # status, headers, body


@dataclass
class Server:
    """url: up to /v1. asked: bodies in order of arrival. most_at_once: of calls in flight."""

    url: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)
    running: int = 0
    most_at_once: int = 0


def good(text: str = "A cat jumps.", finish: str = "stop", **more: Any) -> Reply:
    choice = {"message": {"role": "assistant", "content": text}, "finish_reason": finish, **more}
    usage = {"prompt_tokens": 100, "completion_tokens": 10}
    return 200, {}, json.dumps({"model": "served-model", "choices": [choice], "usage": usage})


@contextmanager
def serving(reply: Callable[[dict[str, Any], int], Reply | float]) -> Iterator[Server]:
    """reply(body, how often this user text was asked before): an answer, or seconds of silence before hanging up."""
    server, lock = Server(), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            with lock:
                number = sum(text_of(old) == text_of(body) for old in server.asked)
                server.asked.append(body)
                server.running += 1
                server.most_at_once = max(server.most_at_once, server.running)
            try:
                self._say(reply(body, number))
            finally:
                with lock:
                    server.running -= 1

        def _say(self, said: Reply | float) -> None:
            if isinstance(said, float | int):
                time.sleep(said)
                self.connection.close()
                return
            status, headers, text = said
            self.send_response(status)
            for name, value in {**headers, "content-length": str(len(text.encode()))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

        def handle(self) -> None:
            try:
                super().handle()
            except OSError:  # the client has gone, which is what some tests are about
                return

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A hung-up connection is not worth a traceback."""

    http = Quiet(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    server.url = f"http://127.0.0.1:{http.server_port}/v1"
    try:
        yield server
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


def text_of(body: dict[str, Any]) -> str:
    content = body["messages"][-1]["content"]
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)
