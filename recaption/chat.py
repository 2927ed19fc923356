"""`recaption chat`: a conversation in the terminal about pictures, gifs and videos."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from engine.door import WrongUse
from recaption.conversation import VIDEOS, Answerer, Conversation, Failed, Style
from recaption.describe import PICTURES
from recaption.engines import EngineChoice, identify, opened

HELP = """\
FILE            show a picture, gif or video: the next question is about it
reset           forget what was said and shown
exit            end (Ctrl-D as well)
/frames N       look at N frames      /temperature T, /top_p P, /tokens N
/help           this
anything else   a question"""


def chat(files: list[str], choice: EngineChoice, style: Style) -> None:
    """Ask and answer until `exit`."""
    conversation = Conversation(style)
    for name in files:
        _show(conversation, name)
    with opened(choice, identify(choice)) as (captioner, _):
        converse(conversation, _answerer(captioner), _typed, sys.stdout)


def _answerer(captioner: Any) -> Answerer:
    if not hasattr(captioner, "answer"):
        raise WrongUse("chat answers with a model that runs here, on one device: --device cpu or cuda:0")
    return captioner


def _typed() -> str | None:
    try:
        return input("> ") if sys.stdin.isatty() else input()
    except EOFError:
        return None


def converse(conversation: Conversation, model: Answerer, read: Callable[[], str | None], out: TextIO) -> None:
    """Lines from `read` (None: there are no more) become turns; what is said goes to `out` as it is written."""
    if not conversation.shown:
        _tell("Name a file to look at, or ask; /help says what else there is.")
    while (line := read()) is not None:
        line = line.strip()
        if line == "exit":
            return
        if line == "reset":
            conversation.reset()
            _tell("Forgotten. Name a file to look at.")
        elif line == "/help":
            _tell(HELP)
        elif line.startswith("/") and _is_setting(line):
            _set(conversation, line)
        elif line and (_is_file(line) or _looks_like_a_file(line)):
            _show_or_tell(conversation, line)
        elif line.startswith("/"):
            _tell(f"there is neither a command nor a file {line.split(maxsplit=1)[0]}; /help says what there is")
        elif line:
            _answer(conversation, line, model, out)


def _answer(conversation: Conversation, question: str, model: Answerer, out: TextIO) -> None:
    written = ""
    try:
        for text in conversation.ask(question, model):
            if text.startswith(written):
                out.write(_safe(text[len(written) :]))
                out.flush()
                written = text
    except Failed as error:
        _tell(str(error))
    finally:
        out.write("\n")


def _safe(text: str) -> str:
    """What a model wrote never reaches the terminal as control codes; lines stay lines."""
    return "".join(c if c.isprintable() or c == "\n" else " " for c in text)


_SETTINGS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "/frames": ("frames", int),
    "/temperature": ("temperature", float),
    "/top_p": ("top_p", float),
    "/tokens": ("max_new_tokens", int),
}


def _is_setting(line: str) -> bool:
    return line.split(maxsplit=1)[0] in _SETTINGS


def _set(conversation: Conversation, line: str) -> None:
    word, *rest = line.split()
    name, kind = _SETTINGS[word]
    try:
        conversation.with_style(**{name: kind(rest[0] if rest else "")})
    except ValueError as error:
        _tell(f"{word} needs a number: {error}")
        return
    _tell(f"{name} is {getattr(conversation.style, name)} from now on")


def _is_file(line: str) -> bool:
    """A line that names a file, in quotes or not; a question is none, whatever stands in it."""
    name = _unquoted(line)
    return len(name) < 4096 and "\0" not in name and Path(name).expanduser().is_file()


def _looks_like_a_file(line: str) -> bool:
    """One word that ends as pictures and videos do: a name that was mistyped is no question."""
    name = _unquoted(line)
    return Path(name).suffix.lower() in PICTURES | VIDEOS and (name != line or " " not in name)


def _unquoted(line: str) -> str:
    return line[1:-1] if len(line) > 2 and line[0] == line[-1] and line[0] in "'\"" else line


def _show_or_tell(conversation: Conversation, line: str) -> None:
    try:
        conversation.show(Path(_unquoted(line)).expanduser())
    except ValueError as error:
        _tell(str(error))
        return
    _tell(f"{conversation.shown[-1].name}: what is your question?")


def _show(conversation: Conversation, name: str) -> None:
    try:
        conversation.show(Path(name).expanduser())
    except ValueError as error:
        raise WrongUse(str(error)) from error


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
