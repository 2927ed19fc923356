"""Every command in the docs runs, and prints what the page says; `make docs` writes the pages anew."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from docs.pages import (
    ASK_CODE,
    REPO,
    Command,
    CommandFailed,
    Shell,
    commands_of,
    make_home,
    pages,
    refreshed,
    shell_for,
)
from media.synthetic.demo import demo_videos

pytestmark = pytest.mark.xdist_group("docs")  # one worker makes the videos, once

PAGES = [page for page in pages() if commands_of(page.read_text())]
_VARIES = re.compile(r"(?<![a-z])[0-9a-f]{16,}|\d+(?:[.,:]\d+)*(?:e[+-]\d+)?")
_NAMED = re.compile(r"^  \S+ · ")
_REASONS = re.compile(r"\((\w+ #(?:, \w+ #)+)\)")
_PROGRESS = re.compile(r"^\w+: #/# ·")


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Path:
    """The videos and a catalogue of them; the videos are kept from one session of pytest to the next."""
    folder = tmp_path_factory.mktemp("docs") / "home"
    if pytestconfig.cache:
        kept = pytestconfig.cache.mkdir("demo-videos")
        demo_videos(kept)
        shutil.copytree(kept, folder / "videos")
    make_home(folder)
    return folder


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(REPO)) for page in PAGES])
def test_the_commands_of_a_page_print_what_it_says(page: Path, home: Path, tmp_path: Path) -> None:
    text = page.read_text()
    shell, commands = shell_for(text, home, tmp_path), commands_of(text)
    for command, after in zip(commands, [*commands[1:], None], strict=True):
        where = f"{page.relative_to(REPO)}:{command.line}: {command.text}"
        printed = shell.run(command)
        if ASK_CODE not in (command.text, after and after.text):
            assert shell.last_code == 0, f"{where}\n{printed}"
        if command.text == ASK_CODE:
            assert printed == command.output.strip(), f"{where}: the exit code is not the one on the page"
        else:
            assert is_like(printed, command.output), f"{where} prints something else now; `make docs`\n{printed}"


def is_like(printed: str, shown: str) -> bool:
    """Whether an output is the one on the page, whatever its numbers, ids and column widths; `…` is any lines."""
    pattern = ".*".join(re.escape(piece) for piece in re.split(r"^…$", masked(shown), flags=re.MULTILINE))
    return re.fullmatch(pattern, masked(printed), flags=re.DOTALL) is not None


def masked(text: str) -> str:
    """A text with `#` for each number and id, single spaces, and without lines of progress.

    What was turned away is named in the order in which the workers met it: those lines and words are sorted.
    """
    lines = [_VARIES.sub("#", line) for line in text.strip().splitlines()]
    named = sorted(line for line in lines if _NAMED.match(line))
    ordered = [named.pop(0) if _NAMED.match(line) else line for line in lines]
    spaced = (re.sub(r"[\s─]+", " ", line).strip() for line in ordered)
    return "\n".join(_sorted_reasons(line) for line in spaced if line and not _PROGRESS.match(line))


def _sorted_reasons(line: str) -> str:
    return _REASONS.sub(lambda match: f"({', '.join(sorted(match[1].split(', ')))})", line)


def test_only_console_blocks_hold_commands() -> None:
    assert [c.text for c in commands_of("```text\n$ rm -rf x\n```\n\n```console\n$ ls\na\nb\n```\n")] == ["ls"]


def test_a_command_goes_on_after_a_backslash() -> None:
    (command,) = commands_of("```console\n$ curate sql \\\n    -c catalogue\nout\n```\n")
    assert command == Command(2, "curate sql \\\n    -c catalogue", "out")


def test_numbers_may_differ_and_words_may_not() -> None:
    assert is_like("add: 3 done in 1.2 s", "add: 30 done in 0.9 s")
    assert not is_like("add: 3 failed", "add: 3 done")


def test_what_was_turned_away_may_be_named_in_any_order() -> None:
    one = "add: 1 done, 2 turned away (x 1, y 1)\n  a.mp4 · x · why\n  b.mp4 · y · why"
    other = "add: 1 done, 2 turned away (y 1, x 1)\n  b.mp4 · y · why\n  a.mp4 · x · why"
    assert is_like(one, other)


def test_an_ellipsis_stands_for_any_lines() -> None:
    assert is_like("a\nb\nc\nd", "a\n…\nd")
    assert not is_like("a\nb\nc\nd", "a\n…\ne")


def test_a_refreshed_page_has_the_output_of_now(tmp_path: Path) -> None:
    text = "```console\n$ echo new\nold\n$ false\n$ echo $?\n0\n```\n"
    assert refreshed(text, Shell(tmp_path)) == "```console\n$ echo new\nnew\n$ false\n$ echo $?\n1\n```\n"


def test_a_page_with_a_command_that_fails_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="exit code 3: exit 3"):
        refreshed("```console\n$ exit 3\n```\n", Shell(tmp_path))
