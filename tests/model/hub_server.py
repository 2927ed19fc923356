"""A small server that speaks the part of the Hugging Face hub's protocol that fetches a repository."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha1
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

COMMIT = "c" * 40


@contextmanager
def hub(repositories: dict[str, Path]) -> Iterator[tuple[str, list[str]]]:
    """(address, paths that were asked for). repositories: name -> folder whose files are given."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = unquote(urlsplit(self.path).path)
            asked.append(f"{self.command} {path}")
            kind, body = self._answer(path)
            if body is None:
                self._give(kind, b"{}", 404, **{"X-Error-Code": "RepoNotFound"})
            else:
                self._give(kind, body, 200)

        def _answer(self, path: str) -> tuple[str, bytes | None]:
            for name, folder in repositories.items():
                if path.startswith(f"/api/models/{name}/tree/"):
                    sizes = {file.name: file.stat().st_size for file in _files(folder)}
                    rows = [{"type": "file", "oid": "0" * 40, "size": n, "path": file} for file, n in sizes.items()]
                    return "application/json", json.dumps(rows).encode()
                if path.startswith(f"/api/models/{name}"):
                    siblings = [{"rfilename": file.name} for file in _files(folder)]
                    facts = {"id": name, "modelId": name, "sha": COMMIT, "tags": [], "private": False}
                    return "application/json", json.dumps(facts | {"siblings": siblings}).encode()
                if path.startswith(f"/{name}/resolve/") and (folder / Path(path).name).is_file():
                    return "application/octet-stream", (folder / Path(path).name).read_bytes()
            return "application/json", None

        do_HEAD = do_GET  # noqa: N815  (named by http.server)

        def _give(self, kind: str, body: bytes, status: int, **headers: str) -> None:
            self.send_response(status)
            named = {"Content-Type": kind, "Content-Length": str(len(body)), "X-Repo-Commit": COMMIT}
            for key, value in (named | {"ETag": f'"{sha1(body).hexdigest()}"'} | headers).items():
                self.send_header(key, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file())
