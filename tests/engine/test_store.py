"""Files that appear whole or not at all, on a disk and elsewhere."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from engine import store as store_module
from engine.parts import content_of, hash_of, parse_merge, parse_part, part_name
from engine.store import CatalogueError, Store


@pytest.fixture(params=["local", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return Store(tmp_path / "store" if request.param == "local" else f"memory://{tmp_path.name}")


def test_what_is_published_is_listed_and_read(store, tmp_path):
    (tmp_path / "file").write_bytes(b"from a file")
    store.publish("a/b/one", b"1")
    store.publish("a/two", b"2")
    store.publish_file("a/three", tmp_path / "file")
    assert store.list("a") == ["a/three", "a/two"]
    assert store.list("nothing") == []
    assert store.list_many(["a", "a/b"]) == {"a": ["a/three", "a/two"], "a/b": ["a/b/one"]}
    assert (store.read("a/three"), store.size("a/two"), store.exists("a/b/one")) == (b"from a file", 1, True)
    assert 0 <= store.ages("a")["a/two"] < 60


def test_what_goes_away_while_ages_are_asked_is_left_out(store, monkeypatch):
    store.publish("a/stays", b"1")
    store.publish("a/goes", b"2")
    listed, names = store_module._scan, store._names

    def gone(found):
        store.delete("a/goes")
        return found

    monkeypatch.setattr(store_module, "_scan", lambda folder: gone(listed(folder)))
    monkeypatch.setattr(Store, "_names", lambda _, folder: gone(list(names(folder))))
    assert list(store.ages("a")) == ["a/stays"]


def test_publishing_again_replaces_and_deleting_twice_is_no_error(store):
    store.publish("a", b"old")
    store.publish("a", b"new")
    assert store.read("a") == b"new"
    for _ in range(2):
        store.delete("a")
    assert not store.exists("a")
    with pytest.raises(FileNotFoundError):
        store.read("a")


def test_a_write_that_dies_leaves_the_old_file_and_no_half_one(tmp_path, monkeypatch):
    store = Store(tmp_path)
    store.publish("a", b"old")

    def dies(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("engine.store._sync", dies)
    with pytest.raises(KeyboardInterrupt):
        store.publish("a", b"new")
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [b"old"]


def test_a_folder_that_may_not_be_written_is_one_clear_line(tmp_path):
    (tmp_path / "videos").write_text("a file where a folder should be")
    with pytest.raises(CatalogueError, match=r"cannot write .*videos/part: (Not a directory|File exists)"):
        Store(tmp_path).publish("videos/part", b"")


def test_an_unknown_scheme_is_one_clear_line():
    with pytest.raises(CatalogueError, match="cannot open nope://x"):
        Store("nope://x")


def test_duckdb_can_read_a_store_that_is_not_local_and_cannot_write_it():
    store = Store("memory://facade")
    with duckdb.connect() as connection:
        store.let_duckdb_read(connection)
        store.publish("a.csv", b"x\n7\n")
        assert connection.execute(f"from read_csv('{store.duckdb_path('a.csv')}')").fetchall() == [(7,)]
        with pytest.raises(duckdb.Error, match="read-only"):
            connection.execute(f"copy (select 1) to '{store.duckdb_path('b.csv')}'")


def test_the_name_of_a_part_holds_its_columns_its_content_and_its_merge():
    content = content_of([b"some ", b"bytes"])
    assert content == content_of([b"some bytes"])
    part = parse_part(part_name("0a1b2c", content, "f" * 16))
    assert part is not None and (part.schema_id, part.content, part.merge_id) == ("0a1b2c", content, "f" * 16)
    assert parse_part(f"part-0a1b2c-{content}.parquet.1-2.tmp") is None
    assert (parse_merge(f"merge-{'f' * 16}.json"), parse_merge("merge-x.json")) == ("f" * 16, None)


def test_a_hash_over_names_does_not_depend_on_their_order():
    assert hash_of(["a", "b"]) == hash_of(["b", "a"]) != hash_of(["ab"])
