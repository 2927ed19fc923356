"""The tables keep what the house promises of every table."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from schemas.printed import tables_page
from schemas.spec import PROVENANCE, Column, TableSpec
from schemas.tables import ALL, BY_NAME, SETTLED_BY

REPO = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("spec", ALL, ids=lambda spec: spec.name)
def test_every_row_says_where_it_came_from(spec: TableSpec):
    assert list(spec.schema)[-len(PROVENANCE) :] == list(PROVENANCE)


@pytest.mark.parametrize("spec", ALL, ids=lambda spec: spec.name)
def test_every_rule_is_sql_over_the_tables_own_columns(spec: TableSpec):
    nullable = pa.schema([field.with_nullable(True) for field in spec.schema])
    with duckdb.connect() as connection:
        connection.register("rows", nullable.empty_table())
        for rule in spec.rules.values():
            types = [str(column[1]) for column in connection.execute(f"describe select ({rule}) from rows").fetchall()]
            assert types == ["BOOLEAN"]


@pytest.mark.parametrize("spec", ALL, ids=lambda spec: spec.name)
def test_what_commits_a_table_has_its_parent(spec: TableSpec):
    if spec.committed_by is not None:
        commits = BY_NAME[spec.committed_by.table]
        assert set(spec.committed_by.parent) <= set(commits.schema.names) & set(spec.schema.names)
        assert commits.committed_by is not None
        assert commits.committed_by.table == commits.name


def test_what_settles_a_reject_is_a_column_of_a_table():
    for places in SETTLED_BY.values():
        for table, column in places:
            assert column in BY_NAME[table].schema.names


def test_the_page_of_tables_is_fresh():
    page = (REPO / "docs" / "tables.md").read_text(encoding="utf-8")
    assert page == tables_page(ALL), "docs/tables.md is stale: run `make docs`"


def test_a_key_may_not_be_null():
    with pytest.raises(ValueError, match="key column 'a' must be a column that is never null"):
        TableSpec("t", "", ("a",), (Column("a", pa.string(), ""),))


def test_columns_may_not_share_a_name():
    column = Column("a", pa.string(), "", nullable=False)
    with pytest.raises(ValueError, match="two columns share a name"):
        TableSpec("t", "", ("a",), (column, column))


def test_a_table_with_another_column_has_another_schema_id():
    column = Column("a", pa.string(), "", nullable=False)
    one = TableSpec("t", "", ("a",), (column,))
    other = TableSpec("t", "", ("a",), (column, Column("b", pa.string(), "")))
    assert one.schema_id != other.schema_id
