"""Ctrl-C that cannot get lost.

Python raises KeyboardInterrupt wherever it happens to be; inside a finalizer or a callback of a weak reference, or in a
library that catches too much, the exception is printed or dropped and the run goes on as if nobody had pressed. So it
is also noted, and long loops ask.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_pressed = False
_held = False


@contextmanager
def noted_interrupts() -> Iterator[None]:
    """Inside, SIGINT raises KeyboardInterrupt as always and is noted as well. For the main thread of a command."""
    global _pressed  # noqa: PLW0603  (signals belong to the process, and so does this note)
    before = signal.signal(signal.SIGINT, _note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        _pressed = False


@contextmanager
def held_interrupts() -> Iterator[None]:
    """Inside, a first Ctrl-C waits for the end, where it is raised: for what must not be done halfway, nor twice.

    A second one does not wait, for what is inside may hang.
    """
    global _held  # noqa: PLW0603
    pressed_before, _held = _pressed, True
    try:
        yield
    finally:
        _held = False
    if _pressed and not pressed_before:
        raise KeyboardInterrupt


def was_interrupted() -> bool:
    """Whether somebody pressed Ctrl-C since `noted_interrupts` began."""
    return _pressed


def stop_if_interrupted() -> None:
    """Raises KeyboardInterrupt if somebody pressed Ctrl-C, whatever became of the first one."""
    if _pressed:
        raise KeyboardInterrupt


def _note(number: int, frame: FrameType | None) -> None:
    global _pressed  # noqa: PLW0603
    waits = _held and not _pressed
    _pressed = True
    if not waits:
        raise KeyboardInterrupt
