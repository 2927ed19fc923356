"""What a mixture shows, out of a catalogue: rows of samples or pairs, held as Arrow, in an order that never changes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import duckdb
import pyarrow as pa

from engine.catalogue import Catalogue
from engine.door import WrongUse
from engine.query import QueryError, fenced, one_line, run
from engine.views import quoted
from train.kept_tokens import KeptTokens
from train.mixture import Order, Shown
from train.settings import Part, Recipe


@dataclass(frozen=True)
class Sample:
    """One row to learn from. messages: the conversation. chosen, rejected: answers of a pair that follow it.

    caption_id: of the one caption that its answer is, whose tokens a teacher's logprobs belong to.
    """

    sample_id: str
    messages: Sequence[dict[str, Any]]
    caption_id: str | None = None
    chosen: str | None = None
    rejected: str | None = None


def question_of(messages: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """A conversation up to the answer with which it ends."""
    return list(messages[:-1] if messages[-1]["role"] == "assistant" else messages)


class Source(Protocol):
    """What a run learns from. datasets: rows by name."""

    datasets: Mapping[str, int]

    def steps(self) -> int:
        """Steps that show everything as often as it should be."""
        ...

    def ids(self) -> Sequence[str]:
        """What the samples are known by, in order; equal lists are equal sources."""
        ...

    def shown(self, step: int) -> list[Shown]:
        """The samples of a step, counted from 0."""
        ...

    def sample(self, number: int) -> Sample:
        """One sample."""
        ...

    def tokens_of(self, caption_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """output_ids, top_ids, top_logprobs and text of captions that keep them."""
        ...


class SampleSource:
    """The rows of a recipe's mixture. order: which of them each step shows. datasets: how many rows each part has."""

    def __init__(self, catalogue: Catalogue, recipe: Recipe) -> None:
        self._catalogue = catalogue
        parts = recipe.mixture or tuple(Part(name) for name in self._datasets(recipe))
        tables, places, first = [], [], 0
        with fenced(catalogue) as connection:
            for part in parts:
                table = _rows(connection, part, recipe)
                if not table.num_rows:
                    raise WrongUse(_nothing(part, recipe))
                tables.append(table)
                places.append((first, table.num_rows, part.epochs))
                first += table.num_rows
        if not tables:
            raise WrongUse(f"{catalogue.url} holds no {_table(recipe)}. `train {_table(recipe)}` makes them.")
        self._rows = pa.concat_tables(tables)
        self._ids: list[str] = self._rows.column("id").to_pylist()
        self.datasets: Mapping[str, int] = {
            part.dataset: table.num_rows for part, table in zip(parts, tables, strict=True)
        }
        self.order = Order(places, recipe.seed)
        self._batch, self._split = recipe.batch, recipe.split
        self._tokens: KeptTokens | None = None

    def __len__(self) -> int:
        return self._rows.num_rows

    def leaked(self) -> int:
        """Videos that the mixture shows and that are in another split of any dataset: scores on those would lie."""
        ids = {one for some in self._rows.column("video_ids").to_pylist() for one in some or ()}
        shown = pa.table({"video_id": pa.array(sorted(ids), pa.string())})
        with self._catalogue.connect() as connection:
            connection.register("shown", shown)
            sql = """select count(distinct video_id) from (
                    select unnest(video_ids) as video_id from samples where split <> ?
                ) semi join shown using (video_id)"""
            return connection.execute(sql, [self._split]).fetchall()[0][0]

    def steps(self) -> int:
        """Steps of one pass over the mixture."""
        return self.order.steps(self._batch)

    def names(self, step: int) -> list[tuple[str, int]]:
        """(id, how often it was shown before) of each sample of a step, counted from 0."""
        return [(self._ids[shown.number], shown.turn) for shown in self.shown(step)]

    def shown(self, step: int) -> list[Shown]:
        return self.order.batch(step, self._batch)

    def ids(self) -> list[str]:
        """All ids in the order of the rows."""
        return self._ids

    def sample(self, number: int) -> Sample:
        """One row."""
        row = self._rows.slice(number, 1).to_pylist()[0]
        captions = (row["caption_ids"] or []) if row["task"] in (None, "caption") else []
        return Sample(
            row["id"],
            json.loads(row["messages"]),
            captions[0] if len(captions) == 1 else None,
            row["chosen"],
            row["rejected"],
        )

    def tokens_of(self, caption_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """output_ids, top_ids, top_logprobs and text of captions that keep them."""
        if self._tokens is None:
            every = (one for row in self._rows.column("caption_ids").to_pylist() for one in row or ())
            self._tokens = KeptTokens(self._catalogue, every)
        return self._tokens(caption_ids)

    def _datasets(self, recipe: Recipe) -> list[str]:
        with self._catalogue.connect() as connection:
            sql = f"select distinct dataset from {_table(recipe)} where dataset is not null order by 1"
            return [row[0] for row in connection.execute(sql).fetchall()]


def _table(recipe: Recipe) -> str:
    return "pairs" if recipe.objective == "dpo" else "samples"


def _rows(connection: duckdb.DuckDBPyConnection, part: Part, recipe: Recipe) -> pa.Table:
    """id, messages, video_ids, caption_ids, task, chosen, rejected of one part, ordered by id."""
    if recipe.objective == "dpo":
        chosen = (
            "p.pair_id as id, s.messages, s.video_ids, s.caption_ids, s.task, p.chosen, p.rejected, p.dataset, "
            "p.split, p.reason"
        )
        source = f"(select {chosen} from pairs p join samples s on s.sample_id = p.sample_id)"
    else:
        source = "(select sample_id as id, *, null::varchar as chosen, null::varchar as rejected from samples)"
    sql = f"""select id, messages, video_ids, caption_ids, task, chosen, rejected from {source}
        where dataset = {quoted(part.dataset)} and split = {quoted(recipe.split)} and ({part.where or "true"})
        order by id"""
    try:
        return run(connection, sql).to_arrow_table()
    except QueryError as error:
        raise WrongUse(str(error)) from error
    except duckdb.Error as error:
        raise WrongUse(one_line(error)) from error


def _nothing(part: Part, recipe: Recipe) -> str:
    narrowed = f" where {part.where}" if part.where else ""
    return (
        f"dataset {part.dataset!r} has no {_table(recipe)} in split {recipe.split!r}{narrowed}. "
        f'`curate sql "select dataset, split, count(*) from {_table(recipe)} group by all"` says what there is.'
    )
