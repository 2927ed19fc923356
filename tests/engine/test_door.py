"""How commands end: what is printed, and the exit code."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest
import typer

from engine.door import WrongUse, command, open_door


def ends(what: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> int:
    """The exit code of a command that does this."""
    app = command("toy", "Does one thing.")
    app.command()(what)
    monkeypatch.setattr("sys.argv", ["toy"])
    with pytest.raises(SystemExit) as ended:
        open_door(app, lambda: (OSError,), extras="model")
    return int(ended.value.code or 0)


def press() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def pressed_within_a_library() -> None:
    try:
        press()
    except KeyboardInterrupt:
        raise RuntimeError("Query interrupted") from None


def pressed_and_dropped() -> None:
    try:
        press()
    except KeyboardInterrupt:
        return


@pytest.mark.parametrize("what", [press, pressed_within_a_library, pressed_and_dropped])
def test_an_interrupt_ends_with_130_whatever_a_library_makes_of_it(
    what: Callable[[], None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ends(what, monkeypatch) == 130
    assert capsys.readouterr().err == "interrupted: what was finished is kept; the same command goes on from there\n"


def fails(error: Exception) -> Callable[[], None]:
    def what() -> None:
        raise error

    return what


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (WrongUse("no such thing"), 2, "error: no such thing\n"),
        (OSError("the disk is full"), 1, "error: the disk is full\n"),
        (ModuleNotFoundError("No module named 'torch'"), 1,
         "error: No module named 'torch'. Install it: pip install 'longtake[model]'\n"),
        (typer.Exit(3), 3, ""),
    ],
)  # fmt: skip
def test_an_error_is_a_line_and_a_code(
    error: Exception, code: int, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ends(fails(error), monkeypatch) == code
    assert capsys.readouterr().err == told


def test_an_error_without_a_name_is_a_bug_and_is_shown_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    app = command("toy", "Does one thing.")
    app.command()(fails(ZeroDivisionError()))
    monkeypatch.setattr("sys.argv", ["toy"])
    with pytest.raises(ZeroDivisionError):
        open_door(app, lambda: (OSError,))
