"""What `curate sql` lets through, and what it keeps out."""

from __future__ import annotations

import duckdb
import pytest

from engine.catalogue import Catalogue
from engine.query import QueryError, checked, fenced, one_line, query, run
from engine.write import write


@pytest.fixture(scope="module", params=["local", "memory"])
def held(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, made) -> Catalogue:
    folder = tmp_path_factory.mktemp("held")
    held = Catalogue.open(folder / "c" if request.param == "local" else f"memory://{folder.name}", create=True)
    write(held, made.scan("v", [0, 1, 3]), stage="scan")
    return held


@pytest.fixture(scope="module")
def fence(held: Catalogue) -> duckdb.DuckDBPyConnection:
    """One connection for many hostile queries: none may change what the next one sees."""
    return fenced(held)


READING = [
    "select clip_id from clip order by seconds desc limit 10",
    "from clips",
    "with c as (from clips) select count(*) from c",
    "values (1), (2)",
    "table clips",
    "describe clip",
    "show tables",
    "summarize clips",
    "explain select * from clip",
    "-- why\n/* not */ explain (format json) select * from clip;",
    "pivot clips on origin in ('detected') using count(*)",
    "select unnest(range(3)), 'copy; drop table clips' as text -- insert",
    'select "update" from (select 1 as "update")',
    "select 'Ä' as \"ö\", count(*) from history.clips",
    "from duckdb_views()",
]


@pytest.mark.parametrize("sql", READING)
def test_reading_is_allowed(fence, sql):
    assert run(fence, sql).to_arrow_table().num_rows > 0


FILES = ["/etc/passwd", "{here}", "{url}/catalogue.json", "https://example.com/a.parquet", "s3://bucket/a.parquet"]
READERS = [
    "read_text('{}')",
    "read_text(['{}'])",
    "read_blob('{}')",
    "read_csv('{}')",
    "read_json('{}')",
    "read_parquet('{}')",
    "parquet_metadata('{}')",
    "glob('{}')",
    "sniff_csv('{}')",
    "read_duckdb('{}')",
    "'{}'",
]


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("reader", READERS)
def test_no_file_and_no_network_from_a_query(held, fence, reader, file):
    file = file.format(here=__file__, url=held.url)
    with pytest.raises((QueryError, duckdb.Error), match=r"disabled by configuration|is not allowed|does not exist"):
        run(fence, f"select * from {reader.format(file)}").to_arrow_table()


CHANGING = [
    "copy (select 1) to '{target}'",
    "copy clips to '{target}' (format csv)",
    "with x as (copy (select 7 as a) to '{part}' (use_tmp_file false)) from x",
    "with x as (copy (select 7 as a) to '{part}') select 1",
    "explain copy (select 1) to '{target}'",
    "explain analyze copy (select 1) to '{target}'",
    "explain (analyze) select 1",
    "/* */ explain\n-- x\nanalyze select 1",
    "export database '{target}'",
    "import database '{target}'",
    "attach '{target}' as other",
    "detach memory",
    "install httpfs",
    "load httpfs",
    "set enable_external_access = true",
    "set allowed_paths = ['/etc/passwd']",
    "reset lock_configuration",
    "pragma enable_profiling",
    "call pragma_version()",
    "create table t (a int)",
    "create or replace view clips as select 1",
    "create secret (type s3, key_id 'a', secret 'b')",
    "drop view clips",
    "insert into clips select * from clips",
    "with x as (insert into clips select * from clips returning *) from x",
    "update clips set start_us = 0",
    "delete from clips",
    "prepare p as select 1",
    "execute p",
    "begin",
    "checkpoint",
    "vacuum",
    "use history",
    "select 1; select 2",
    "select 1; drop view clips",
    "",
    "-- nothing",
    "pivot clips on origin using count(*)",
]


@pytest.mark.parametrize("sql", CHANGING)
def test_what_changes_something_is_refused(held, fence, tmp_path, sql):
    part = held.store.duckdb_path(held.live_parts("clips")[0])
    before = held.store.read(held.live_parts("clips")[0])
    with pytest.raises(QueryError):
        run(fence, sql.format(target=tmp_path / "target", part=part))
    assert not (tmp_path / "target").exists()
    assert held.store.read(held.live_parts("clips")[0]) == before


ESCAPES = [
    "from query('select 1')",
    "from \"query\" ('from arr' || 'ow_scan(1, 2, 3)')",
    "from json_execute_serialized_sql(json_serialize_sql('select 42'))",
    "from arrow_scan(1::pointer, 2::pointer, 3::pointer)",
    "from pandas_scan(1::pointer)",
    "from enable_logging(storage = 'file', storage_path = '/tmp/log')",
    "from Enable_Profiling(save_location = '/tmp/profile.json')",
    "select write_log('x')",
    "from python_map_function(1)",
    "select getenv('HOME')",
    "from sqlite_scan('/etc/passwd', 'x')",
    "from duckdb_secrets()",
    "from duckdb_extensions()",
]


@pytest.mark.parametrize("sql", ESCAPES)
def test_no_way_around_the_fence(fence, sql):
    with pytest.raises((QueryError, duckdb.Error)):
        run(fence, sql).to_arrow_table()


def test_python_variables_are_out_of_reach(fence):
    secret = [{"password": "x"}]
    with pytest.raises(QueryError, match="Table with name secret does not exist"):
        run(fence, "from secret")
    assert secret


def test_parts_that_are_not_live_are_out_of_reach(local, made):
    write(local, made.scan("v", [0, 1]), stage="scan")
    outside = local.store.url_of("clips/part-000000-0000000000000000-m0000000000000000.parquet")
    local.store.publish(outside.removeprefix(f"{local.url}/"), local.store.read(local.live_parts("clips")[0]))
    with pytest.raises(QueryError, match="disabled by configuration"):
        query(local, f"from read_parquet('{outside}')")


def test_settings_stay_locked_for_a_connection_that_is_kept(held):
    connection = fenced(held)
    assert run(connection, "select count(*) from clips").fetchall() == [(2,)]
    with pytest.raises(duckdb.Error, match="locked"):
        connection.execute("set enable_external_access = true")


def test_parameters_are_values(held):
    assert query(held, "select count(*) from clips where video_id = ?", params=["v' or true --"]).fetchall() == [(0,)]
    assert query(held, "select count(*) from clips where video_id = $v", params={"v": "v"}).fetchall() == [(2,)]


def test_an_error_is_one_line_with_duckdbs_hint(held):
    with pytest.raises(QueryError) as caught:
        query(held, "select\n nope,\n secnds from clip")
    assert "\n" not in str(caught.value)
    with pytest.raises(QueryError, match=r'clps does not exist! Did you mean "clips"'):
        query(held, "from clps")
    assert one_line(duckdb.Error("Binder Error: x\n\nLINE 1: select\n  ^")) == "Binder Error: x"


def test_a_query_spills_within_its_memory_limit(held):
    sql = "select count(*) from (select distinct hash(i), md5(i::varchar) from range(3_000_000) t(i))"
    assert query(held, sql, memory_limit="150MB", threads=1).fetchall() == [(3_000_000,)]


def test_a_refusal_says_what_is_allowed():
    with pytest.raises(QueryError, match=r"DELETE is not allowed: a query only reads\. Allowed are SELECT"):
        checked("delete from clips")
    with pytest.raises(QueryError, match=r"PIVOT|one statement is allowed"):
        checked("pivot clips on origin using count(*)")
    with pytest.raises(QueryError, match="one statement is allowed, got 0"):
        checked(" ; ")
