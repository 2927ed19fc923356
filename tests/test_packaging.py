"""What is built and installed is the rooms, and nothing else."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

from tests.conftest import REPO
from tests.test_layers import MAY_IMPORT

PROJECT = tomllib.loads((REPO / "pyproject.toml").read_text())


def test_the_wheel_holds_the_rooms() -> None:
    packages = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert set(packages) == set(MAY_IMPORT)
    assert all((REPO / package / "__init__.py").is_file() for package in packages)


def test_no_room_holds_tests() -> None:
    strays = [file for room in MAY_IMPORT for file in (REPO / room).rglob("*.py") if file.name.startswith("test_")]
    assert not strays


def test_the_files_that_the_metadata_names_are_there() -> None:
    project = PROJECT["project"]
    assert (REPO / project["readme"]).is_file()
    assert "Apache License" in Path(REPO, *project["license-files"]).read_text()


def test_the_console_scripts_open_a_door() -> None:
    for name, target in PROJECT["project"]["scripts"].items():
        (script,) = entry_points(group="console_scripts", name=name)
        assert script.value == target
        assert callable(script.load())


def test_the_lock_pins_every_dependency_and_names_no_registry() -> None:
    lines = (REPO / "requirements.lock").read_text().splitlines()
    assert not [line for line in lines if "://" in line or line.startswith("-")]
    pinned = {line.split("==")[0] for line in lines if "==" in line}
    project = PROJECT["project"]
    extras = (requirement for group in project["optional-dependencies"].values() for requirement in group)
    wanted = {_name(requirement) for requirement in (*project["dependencies"], *extras)} - {"longtake"}
    assert wanted <= pinned


def _name(requirement: str) -> str:
    """`ray` of `ray>=2.50`, `yt-dlp` of `yt-dlp[default]>=2026.10`."""
    return re.split(r"[\[<>=!~; ]", requirement, maxsplit=1)[0]
