"""The tables as a Markdown page."""

from __future__ import annotations

from collections.abc import Iterable

from schemas.spec import PROVENANCE, PROVENANCE_DOCS, TableSpec

_HEAD = """# Tables

Printed from `schemas/tables/` by `make docs`; a test holds both together. Every row also has the columns of
*provenance* at the end of this page. Times are integer microseconds on the video's own timeline, which starts at
its first frame; spans are half-open. Null means: not measured.
"""


def tables_page(tables: Iterable[TableSpec]) -> str:
    """docs/tables.md: a section a table with its columns, key and rules."""
    sections = [_HEAD, *(_section(spec) for spec in tables)]
    provenance = "\n".join(f"| `{f.name}` | {f.type} | {PROVENANCE_DOCS[f.name]} |" for f in PROVENANCE)
    sections.append(f"## provenance\n\n| column | type | |\n|---|---|---|\n{provenance}\n")
    return "\n".join(sections)


def _section(spec: TableSpec) -> str:
    rows = "\n".join(
        f"| {_name(spec, column.name)} | {column.type}{'' if column.nullable else ', never null'} "
        f"| {column.doc.replace('|', '/')} |"
        for column in spec.columns
    )
    lines = [f"## {spec.name}", "", spec.doc, "", "| column | type | |", "|---|---|---|", rows, ""]
    if spec.committed_by and spec.committed_by.table != spec.name:
        lines += [f"Counts from the row of `{spec.committed_by.table}` on that is written last.", ""]
    if spec.rules:
        lines += ["A row that breaks a rule becomes a reject of that name:", ""]
        lines += [*(f"* `{name}`: `{sql}`" for name, sql in spec.rules.items()), ""]
    return "\n".join(lines)


def _name(spec: TableSpec, column: str) -> str:
    return f"**{column}**" if column in spec.key else column
