"""What is left to do."""

from __future__ import annotations

import duckdb
import pytest

from engine.due import Due, Shard, rows_of


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    made = duckdb.connect()
    made.execute("create table videos (video_id varchar, source_stamp varchar, seconds integer)")
    made.execute("insert into videos values ('a', '1-1', 30), ('b', '1-1', 10), ('c', '1-1', 20)")
    made.execute("create table scans (video_id varchar, fingerprint varchar, source_stamp varchar)")
    made.execute(
        "create table rejects "
        "(stage varchar, key varchar, fingerprint varchar, permanent boolean, source_stamp varchar)"
    )
    return made


def due(**changes: object) -> Due:
    settings = {"stage": "scan", "fingerprint": "f1", "input_sql": "from videos", "key": "video_id"}
    return Due(**{**settings, "done_sql": "from scans", "order": "i.seconds desc", **changes})  # type: ignore[arg-type]


def keys(connection: duckdb.DuckDBPyConnection, sql: str) -> list[str]:
    return [row["video_id"] for row in rows_of(connection, sql)]


def test_everything_is_due_at_first_in_the_order_asked_for(connection: duckdb.DuckDBPyConnection):
    assert keys(connection, due().sql()) == ["a", "c", "b"]


def test_what_is_done_under_this_fingerprint_is_not_due(connection: duckdb.DuckDBPyConnection):
    connection.execute("insert into scans values ('a', 'f1', null), ('b', 'an older one', null)")
    assert keys(connection, due().sql()) == ["c", "b"]


def test_what_was_turned_away_for_good_is_not_due_unless_asked_for(connection: duckdb.DuckDBPyConnection):
    connection.execute("insert into rejects values ('scan', 'a', 'f1', true, '1-1'), ('scan', 'b', 'f1', false, '1-1')")
    assert keys(connection, due().sql()) == ["c", "b"]
    assert keys(connection, due().sql(retry=True)) == ["a", "c", "b"]


def test_what_was_turned_away_is_due_again_when_its_file_or_the_settings_changed(
    connection: duckdb.DuckDBPyConnection,
):
    connection.execute("insert into rejects values ('scan', 'a', 'f1', true, '9-9'), ('scan', 'b', 'f0', true, '1-1')")
    assert keys(connection, due().sql()) == ["a", "c", "b"]


def test_with_stamps_a_changed_file_is_due_although_its_old_content_was_done(connection: duckdb.DuckDBPyConnection):
    connection.execute("insert into scans values ('a', 'f1', '0-0'), ('b', 'f1', '1-1')")
    assert keys(connection, due(done_has_stamp=True).sql()) == ["a", "c"]


def test_a_limit_takes_the_first(connection: duckdb.DuckDBPyConnection):
    assert keys(connection, due().sql(limit=2)) == ["a", "c"]


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_shards_share_nothing_and_miss_nothing(connection: duckdb.DuckDBPyConnection, count: int):
    connection.execute("insert into videos select 'v' || i, '1-1', i from range(100) t(i)")
    shards = [keys(connection, due().sql(Shard(i, count))) for i in range(count)]
    together = [key for shard in shards for key in shard]
    assert sorted(together) == sorted(keys(connection, due().sql()))
    assert len(set(together)) == len(together) == 103


def test_a_key_stays_in_its_shard_for_good(connection: duckdb.DuckDBPyConnection):
    # md5("a") is 0cc175b9c0f1b6a831c399e269772661
    first = int("0cc175b9c0f1b6a", 16)
    assert "a" in keys(connection, due().sql(Shard(first % 4, 4)))


def test_keys_with_quotes_are_text_not_sql(connection: duckdb.DuckDBPyConnection):
    connection.execute("insert into videos values (?, '1-1', 99)", ["it's; drop table videos"])
    assert keys(connection, due().sql(limit=1)) == ["it's; drop table videos"]


@pytest.mark.parametrize("text", ["", "3", "a/b", "-1/4", "1/2/3"])
def test_a_shard_is_written_i_of_n(text: str):
    with pytest.raises(ValueError, match="a shard is written i/n"):
        Shard.parse(text)


def test_shards_count_from_zero():
    assert Shard.parse("0/64") == Shard(0, 64)
    with pytest.raises(ValueError, match=r"64/64 does not exist\. Shards count from 0: 0/64 to 63/64"):
        Shard.parse("64/64")
