"""The pages hold together: links resolve, the tables are those of the code, nothing of this machine stands in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.pages import REPO, TABLES, pages
from schemas.printed import tables_page
from schemas.tables import ALL

PAGES = [*pages(), REPO / "CONTRIBUTING.md", REPO / "CHANGELOG.md"]
NAMES = [str(page.relative_to(REPO)) for page in PAGES]
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)|<img[^>]*src=\"([^\"]+)\"")
_MACHINE = re.compile(r"(?<![\w.])/(?:work|root|tmp|opt|mnt|Users)/|/home/(?!you\b)\w+")


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_relative_link_resolves(page: Path) -> None:
    broken = [link for link in links_of(page) if not is_there(page, link)]
    assert not broken


def links_of(page: Path) -> Iterator[str]:
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    yield from (match[1] or match[2] for match in _LINK.finditer(text))


def is_there(page: Path, link: str) -> bool:
    """Whether the file of a link exists, and a heading for its `#…`; links to elsewhere are not looked up."""
    if "://" in link or link.startswith("mailto:"):
        return True
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    if not target.exists():
        return False
    return not anchor or anchor in {slug(line) for line in target.read_text().splitlines() if line.startswith("#")}


def slug(heading: str) -> str:
    """The anchor that a forge gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lstrip("#").strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_no_page_names_a_path_of_a_machine(page: Path) -> None:
    assert not _MACHINE.findall(page.read_text())


def test_the_page_of_the_tables_is_fresh() -> None:
    assert TABLES.read_text() == tables_page(ALL), "run `make docs`"


def test_every_page_can_be_reached_from_the_index() -> None:
    index = REPO / "docs" / "index.md"
    todo, seen = [index], set[Path]()
    while todo:
        page = todo.pop()
        if page in seen or page.suffix != ".md":
            continue
        seen.add(page)
        todo += [(page.parent / link.partition("#")[0]).resolve() for link in links_of(page) if "://" not in link]
    assert set((REPO / "docs").rglob("*.md")) <= seen
