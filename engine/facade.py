"""A catalogue that is not local, as DuckDB sees it: a read-only filesystem with the scheme `longtake:`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from fsspec import AbstractFileSystem

from engine.store import SCHEME, Store


class Facade(AbstractFileSystem):
    """Opens the files of one store for reading and refuses everything else.

    A scheme of its own keeps DuckDB's view of a name the same whatever lies behind it (it spells `memory://a` as
    `memory:///a`), so that the list of allowed paths is exact.
    """

    protocol = SCHEME
    cachable = False
    store: Store

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        name = self._name(path)
        if not self.store.exists(name):
            raise FileNotFoundError(path)
        return {"name": path, "size": self.store.size(name), "type": "file"}

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
        info = self.info(path)
        return [info] if detail else [info["name"]]

    def glob(self, path: str, **_: Any) -> list[str]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The path itself: names of parts hold no glob characters, and nothing else is to be found."""
        return [path] if self.store.exists(self._name(path)) else []

    def open(self, path: str, mode: str = "rb", **_: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        if mode != "rb":
            raise PermissionError(f"{path} is read-only")
        return self.store.open(self._name(path))

    def modified(self, path: str) -> datetime:
        """Always the same: a name stands for its content, so what DuckDB has cached of it stays right."""
        return datetime(2000, 1, 1, tzinfo=UTC)

    def _name(self, path: str) -> str:
        return path.removeprefix(f"{SCHEME}://").lstrip("/")


def facade_of(store: Store) -> Facade:
    """A facade over one store."""
    facade = Facade()
    facade.store = store
    return facade
