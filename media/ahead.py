"""Making the next items on a thread of their own while the caller works on this one."""

from collections.abc import Generator
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import TypeVar

T = TypeVar("T")

_LOOK_AGAIN = 0.1  # seconds after which a waiting thread looks whether the other one is gone


def ahead(items: Generator[T, None, None], depth: int) -> Generator[T, None, None]:
    """The same items in the same order, made up to `depth` ahead. Their exception arrives at its place.

    The thread starts at the first item and has ended, its generator closed, when this one is closed or done.
    """
    waiting: Queue[tuple[str, T | BaseException | None]] = Queue(depth)
    gone = Event()

    def put(kind: str, what: T | BaseException | None) -> bool:
        while not gone.is_set():
            try:
                waiting.put((kind, what), timeout=_LOOK_AGAIN)
            except Full:
                continue
            return True
        return False

    def work() -> None:
        try:
            for item in items:
                if not put("item", item):
                    break
            items.close()
        except BaseException as error:  # noqa: BLE001  it is raised again in the caller's thread
            put("error", error)
        else:
            put("end", None)

    thread = Thread(target=work, name="longtake-decode", daemon=True)
    thread.start()
    try:
        while True:
            kind, what = waiting.get()
            if kind == "item":
                yield what  # pyright: ignore[reportReturnType]
            elif isinstance(what, BaseException):
                raise what
            else:
                return
    finally:
        gone.set()
        _drain(waiting)
        thread.join()


def _drain(waiting: Queue) -> None:
    while True:
        try:
            waiting.get_nowait()
        except Empty:
            return
