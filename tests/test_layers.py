"""Imports point one way (docs/architecture.md), and what is heavy is imported only where it is used."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import REPO

LEFT = frozenset({"schemas", "media", "engine", "model"})
MAY_IMPORT = {
    "schemas": frozenset[str](),
    "media": frozenset[str](),
    "engine": frozenset({"schemas"}),
    "model": frozenset({"media", "schemas"}),
    "curate": LEFT,
    "recaption": LEFT,
    "train": LEFT,
    "eval": LEFT,
}
OUTSIDE = frozenset({"bench", "docs", "tests"})
HEAVY = frozenset({"torch", "torchvision", "transformers", "ray", "gradio", "yt_dlp", "scenedetect"})
DOORS = ("curate.cli", "recaption.cli")


@dataclass(frozen=True)
class Import:
    """One imported module; `at_load`: loading the importing module imports it, so not inside a function."""

    module: str
    line: int
    at_load: bool

    @property
    def package(self) -> str:
        return self.module.split(".")[0]


def imports_of(source: str) -> list[Import]:
    """Every import of a source text; `from a import b` gives both a and a.b, for b may be a module."""
    return list(_imports(ast.parse(source), at_load=True))


def _imports(node: ast.AST, *, at_load: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(name.name, child.lineno, at_load) for name in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, f"line {child.lineno}: a relative import; write the package's name"
            for name in (child.module or "", *(f"{child.module}.{name.name}" for name in child.names)):
                yield Import(name, child.lineno, at_load)
        else:
            stays = not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _imports(child, at_load=at_load and stays and not _is_for_types(child))


def _is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def files_of(room: str) -> list[Path]:
    return sorted((REPO / room).rglob("*.py"))


def file_of(module: str) -> Path | None:
    """The file of one of our modules; None for what is no module of ours."""
    path = REPO.joinpath(*module.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_what_lies_to_its_left(room: str) -> None:
    allowed = MAY_IMPORT[room] | {room}
    ours = frozenset(MAY_IMPORT) | OUTSIDE
    wrong = [
        f"{file.relative_to(REPO)}:{imported.line} imports {imported.module}"
        for file in files_of(room)
        for imported in imports_of(file.read_text())
        if imported.package in ours - allowed
    ]
    assert not wrong, f"{room} may import {sorted(allowed)}"


@pytest.mark.parametrize("door", DOORS)
def test_nothing_that_a_command_loads_imports_a_heavy_library_at_its_top(door: str) -> None:
    todo, seen, wrong = [door], set[Path](), list[str]()
    while todo:
        file = file_of(todo.pop())
        if file is None or file in seen:
            continue
        seen.add(file)
        for imported in imports_of(file.read_text()):
            if imported.at_load or imported.package != "model":  # networks are heavy, and loaded where they are used
                todo.append(imported.module)
            if imported.package in HEAVY and imported.at_load:
                wrong.append(f"{file.relative_to(REPO)}:{imported.line} imports {imported.module} at its top")
    assert len(seen) > 20, "the walk from the door found hardly anything: it is broken"
    assert not wrong


def test_an_import_in_a_function_counts_for_the_layers_but_is_not_made_at_load() -> None:
    source = "import a\nif TYPE_CHECKING:\n    import b\ndef f():\n    from c import d\nclass E:\n    import e\n"
    assert [(i.module, i.at_load) for i in imports_of(source)] == [
        ("a", True),
        ("b", False),
        ("c", False),
        ("c.d", False),
        ("e", True),
    ]


def test_every_package_of_ours_is_a_known_room() -> None:
    packages = {file.parent.name for file in REPO.glob("*/__init__.py")}
    assert packages - OUTSIDE == set(MAY_IMPORT)
