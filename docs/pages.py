"""The pages under docs/ and README.md: their commands, run; `python -m docs.pages` writes what they print.

A ```console block holds commands (`$ …`) with their output, as on a terminal. The commands of a page run one after
another in a folder of their own that holds `videos/`, the demo's videos, and, where the page makes none itself,
`catalogue/`, made of them by `curate run`. A command must end with exit code 0, unless the next one is
`$ echo $?`, which then prints it. A block that cannot run here is ```text. Where an output is long, a line `…` stands
for any lines.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from media.synthetic.demo import demo_videos
from schemas.printed import tables_page
from schemas.tables import ALL

REPO = Path(__file__).resolve().parent.parent
TABLES = REPO / "docs" / "tables.md"
MAKE_CATALOGUE = "curate run videos -c catalogue --recipe lvd2m"
SHOWN_HOME = "/home/you"
"""What a page shows in place of the folder that its commands ran in."""
ASK_CODE = "echo $?"
_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MAKES_A_CATALOGUE = re.compile(r"^\$ curate (run|add)\b.* -c catalogue\b", re.MULTILINE)


@dataclass(frozen=True)
class Command:
    """A command of a page, what the page says that it prints, and the line on which it stands."""

    line: int
    text: str
    output: str


class CommandFailed(Exception):
    """A command of a page ended with an exit code that the page does not ask for."""


def pages() -> list[Path]:
    """README.md and all pages under docs/."""
    return [REPO / "README.md", *sorted((REPO / "docs").rglob("*.md"))]


def commands_of(text: str) -> list[Command]:
    """The commands of all console blocks of a page, in order."""
    return [command for match in _BLOCK.finditer(text) for command in _commands(match[1], _line(text, match.start(1)))]


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1


def _commands(block: str, line: int) -> Iterator[Command]:
    lines = block.splitlines()
    starts = [i for i, content in enumerate(lines) if content.startswith("$ ")]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        rest = start + 1
        while lines[rest - 1].endswith("\\"):  # a command that goes on in the next line
            rest += 1
        typed = "\n".join([lines[start].removeprefix("$ "), *lines[start + 1 : rest]])
        yield Command(line + start, typed, "\n".join(lines[rest:end]))


class Shell:
    """Runs the commands of one page in a folder of its own; `last_code` is the exit code of the last one.

    Pages show SHOWN_HOME in place of the folder, and of `home`, where the videos lie.
    """

    def __init__(self, folder: Path, home: Path | None = None) -> None:
        self.folder, self.home = folder, home or folder
        self.last_code = 0

    def run(self, command: Command) -> str:
        """What a command prints, as a page shows it: stdout and stderr, no spaces at the ends of lines."""
        if command.text == ASK_CODE:
            return str(self.last_code)
        environment = os.environ | {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONUNBUFFERED": "1",  # so that both streams stand in the order in which they were written
            "PYTHONPATH": str(REPO),  # for `python -m bench…`, which is not installed
            "LANG": "C.UTF-8",
            "COLUMNS": "80",
        }
        done = subprocess.run(
            ["bash", "-c", command.text],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
            check=False,
        )
        self.last_code = done.returncode
        shown = done.stdout.replace(str(self.folder), SHOWN_HOME).replace(str(self.home), SHOWN_HOME)
        return "\n".join(line.rstrip() for line in shown.splitlines()).strip("\n")


def make_home(folder: Path) -> None:
    """A folder with the demo's videos and a catalogue of them, from which each page's own is copied.

    Raises:
        CommandFailed: the catalogue cannot be made.
    """
    demo_videos(folder / "videos")
    shell = Shell(folder)
    output = shell.run(Command(0, MAKE_CATALOGUE, ""))
    if shell.last_code:
        raise CommandFailed(f"exit code {shell.last_code}: {MAKE_CATALOGUE}\n{output}")


def shell_for(text: str, home: Path, folder: Path) -> Shell:
    """A shell in `folder` for the commands of a page, with the videos and perhaps the catalogue of `home`."""
    (folder / "videos").symlink_to(home / "videos")
    if not _MAKES_A_CATALOGUE.search(text):
        shutil.copytree(home / "catalogue", folder / "catalogue")
    return Shell(folder, home)


def refreshed(text: str, shell: Shell) -> str:
    """A page with the output that its commands have now; one that the page cuts short (`…`) stays as it is.

    Raises:
        CommandFailed: a command fails and the page does not ask for its exit code.
    """

    def with_output(match: re.Match[str]) -> str:
        parts, commands = list[str](), list(_commands(match[1], 0))
        for command, after in zip(commands, [*commands[1:], None], strict=True):
            now = shell.run(command)
            if shell.last_code and command.text != ASK_CODE and (after is None or after.text != ASK_CODE):
                raise CommandFailed(f"exit code {shell.last_code}: {command.text}\n{now}")
            parts += [f"$ {command.text}", command.output if "…" in command.output.splitlines() else now]
        return "```console\n" + "\n".join(part for part in parts if part) + "\n```"

    return _BLOCK.sub(with_output, text)


def main(names: Sequence[str]) -> int:
    """Print the tables' page from the code, and run anew the commands of every page, or of those named (`scan`).

    Returns the exit code.
    """
    TABLES.write_text(tables_page(ALL))
    failed = 0
    with tempfile.TemporaryDirectory(prefix="longtake-docs-") as temporary:
        home = Path(temporary).resolve() / "home"
        make_home(home)
        for number, page in enumerate(pages()):
            text = page.read_text()
            if commands_of(text) and (not names or page.stem in names):
                folder = home.parent / str(number)
                folder.mkdir()
                try:
                    page.write_text(refreshed(text, shell_for(text, home, folder)))
                except CommandFailed as error:
                    failed += 1
                    print(f"left as it was: {page.relative_to(REPO)}: {error}", file=sys.stderr)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
