"""Work that is a step ahead: the next value is made on a thread of its own while the last one is used."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def ahead(made: Iterator[T]) -> Iterator[T]:
    """The same values; what `made` raises is raised here. It pays where making and using are work outside Python."""
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as thread:
        coming = thread.submit(next, made, None)
        while (value := coming.result()) is not None:
            coming = thread.submit(next, made, None)
            yield value
