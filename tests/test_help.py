"""Asking for help is quick because it loads nothing that is slow to load."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.conftest import REPO

SLOW = ("torch", "transformers", "scenedetect", "cv2", "av", "duckdb", "pyarrow", "numpy", "fsspec", "yt_dlp", "pycurl")
CAPTION_COMMANDS = ("run", "describe", "chat", "demo", "plan", "status")
COMMANDS = ("run", "add", "scan", "select", "sql", "verify", "compact", "download", "cut", "forget")
ASK = """
import sys
from importlib import import_module
main = import_module(f"{sys.argv[1]}.cli").main
sys.argv = sys.argv[1:]
try:
    main()
finally:
    print("loaded:", *sys.modules, file=sys.stderr)
"""


def asked(*words: str, door: str = "curate") -> tuple[str, set[str]]:
    """What a command prints for these words, and the top-level modules that this loaded."""
    done = subprocess.run(
        [sys.executable, "-c", ASK, door, *words], check=True, capture_output=True, text=True, cwd=REPO, timeout=60
    )
    loaded = done.stderr.splitlines()[-1].split()[1:]
    return done.stdout, {name.split(".")[0] for name in loaded}


@pytest.mark.parametrize("words", [(), *((command,) for command in COMMANDS)], ids=" ".join)
def test_help_loads_nothing_slow(words: tuple[str, ...]) -> None:
    text, loaded = asked(*words, "--help")
    assert "Usage: curate" in text
    assert "typer" in loaded, "the list of loaded modules is broken"
    assert loaded.isdisjoint(SLOW)


@pytest.mark.parametrize("words", [(), ("run",)], ids=" ".join)
def test_help_of_recaption_loads_nothing_slow(words: tuple[str, ...]) -> None:
    text, loaded = asked(*words, "--help", door="recaption")
    assert "Usage: recaption" in text
    assert loaded.isdisjoint({*SLOW, "gradio"})
    assert words or all(f"\n  {command} " in text for command in CAPTION_COMMANDS)


def test_help_names_every_command() -> None:
    text, _ = asked("--help")
    assert all(f"\n  {command} " in text for command in COMMANDS)


def test_python_m_curate_is_the_same_door() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "curate", "--help"], check=True, capture_output=True, text=True, cwd=REPO, timeout=60
    )
    assert "Usage: " in done.stdout
