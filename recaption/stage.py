"""The stages of recaptioning: which clips are due, their way through a captioner, and rows in the catalogue."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.catalogue import Catalogue
from engine.due import Due, Shard, rows_of
from engine.progress import Tally, progress
from engine.run import Keeper, keep
from engine.terminal import printable
from engine.views import quoted
from engine.wide import unwithdrawn_sql
from engine.work import Outcome, Reject, Row
from model.captioner import Captioner, CaptionRequest, CaptionResult
from recaption.alike import withdraw
from recaption.asking import Part, looked_at, request_for, written
from recaption.desk import Desk, Job
from recaption.engines import Identity
from recaption.gates import VERSION as GATES_VERSION
from recaption.gates import Measures, Verdict, judge, measure
from recaption.prompts import Prompt
from recaption.recipes import Look, Recipe, Sampling, Write
from recaption.rows import answer_outcome, caption_outcome
from recaption.spans import events_of
from schemas.ids import fingerprint_of

if TYPE_CHECKING:
    import duckdb

VERSION = 2
_NOTE_WORDS = 400


@dataclass(frozen=True)
class Step:
    """One stage of a recipe, ready to be asked what is due and to be run.

    look: of frames; else write says what the texts are made of, and source the step that wrote those.
    """

    name: str
    kind: str
    fingerprint: str
    recipe: Recipe
    identity: Identity
    look: Look | None = None
    write: Write | None = None
    source: Step | None = None

    @property
    def sampling(self) -> Sampling:
        """Texts made of texts are one each, greedy, and without logprobs."""
        mine = self.recipe.sampling
        return mine if self.look else Sampling(max_new_tokens=max(mine.max_new_tokens, 512))

    @property
    def asks(self) -> bool:
        return self.look is not None and self.look.asks


@dataclass(frozen=True)
class Scope:
    """Which clips: a selection (None: all), a shard of them, at most so many, refused ones again."""

    selection: str | None = None
    shard: Shard | None = None
    limit: int | None = None
    retry: bool = False


def steps_of(recipe: Recipe, looker: Identity, refiner: Identity) -> list[Step]:
    """The stages of a recipe in order. refiner: who writes texts about texts."""
    look = recipe.look
    common: dict[str, Any] = {"gates": GATES_VERSION if recipe.gates else None, "retries": recipe.retries}
    settings = common | {
        "prompts": [prompt.identity for prompt in look.prompts],
        "look": [look.n_frames, look.form, look.longest_us, look.segments],
        "sampling": recipe.sampling.__dict__,
        "max_pixels": recipe.max_pixels,
        "who": dict(looker.parts),
    }
    name = "answer" if look.asks else "caption"
    kind = "raw" if look.segments else look.prompts[0].kind
    steps = [Step(name, kind, fingerprint_of(name, VERSION, settings), recipe, looker, look=look)]
    for write in recipe.writes:
        source = steps[-1]
        prompts = [prompt.identity for prompt in (write.one, write.many) if prompt]
        settings = common | {"prompts": prompts, "who": dict(refiner.parts), "source": source.fingerprint}
        fingerprint = fingerprint_of(write.stage, VERSION, settings)
        steps.append(Step(write.stage, write.many.kind, fingerprint, recipe, refiner, write=write, source=source))
    return steps


def due_of(step: Step, selection: str | None) -> Due:
    """The selected clips that this step has not done."""
    chosen = (
        f" semi join (from selections where selection = {quoted(selection)}) s using (clip_id)" if selection else ""
    )
    clips = (
        "select c.clip_id, c.video_id, c.start_us, c.end_us, v.video_key, v.uri, v.source_stamp, v.kept, "
        f"f.uri as clip_uri from (from clips{chosen}) c join videos v on v.video_id = c.video_id "
        "left join clip_files f on f.clip_id = c.clip_id"
    )
    table = "answers" if step.asks else "captions"
    # History, not the newest of each key: what another run wrote over is done all the same.
    done = f"select clip_id, fingerprint from history.{table} where fingerprint = {quoted(step.fingerprint)}"
    if step.write and step.source:
        pieces = "" if step.write.one else " and len(parents) > 1"
        sources = (
            "select clip_id, list(struct_pack(caption_id := caption_id, sample := coalesce(sample, 0), text := text, "
            "num_pieces := greatest(1, len(coalesce(parents, [])))) order by sample, caption_id) as sources "
            f"from (from history.captions t where kind = {quoted(step.write.source_kind)} "
            f"and fingerprint = {quoted(step.source.fingerprint)}{pieces} and {unwithdrawn_sql('captions', 't')} "
            "qualify row_number() over (partition by caption_id order by created_at desc) = 1) group by clip_id"
        )
        clips = f"select c.*, t.sources from ({clips}) c join ({sources}) t on t.clip_id = c.clip_id"
    return Due(step.name, step.fingerprint, clips, "clip_id", done, order="i.video_id, i.start_us, i.clip_id")


def count_due(connection: duckdb.DuckDBPyConnection, step: Step, scope: Scope) -> int:
    """How many clips are left."""
    sql = due_of(step, scope.selection).sql(scope.shard, scope.limit, retry=scope.retry)
    return connection.execute(f"select count(*) from ({sql})").fetchall()[0][0]


def run_step(catalogue: Catalogue, step: Step, scope: Scope, captioner: Captioner) -> Tally:
    """Caption what is due of one step; what is finished is written at least every ten seconds."""
    with catalogue.connect() as connection:
        sql = due_of(step, scope.selection).sql(scope.shard, scope.limit, retry=scope.retry)
        total = connection.execute(f"select count(*) from ({sql})").fetchall()[0][0]
        tally, inputs = Tally(step.name, total), dict[str, Row]()
        outcomes = _Outcomes(step, captioner, tally, inputs)
        with progress(step.name, total) as show:
            rows = _located(catalogue, rows_of(connection, sql))
            return keep(Keeper(catalogue, step.name, step.fingerprint, inputs), outcomes.of(rows), tally, show)


def finish_step(catalogue: Catalogue, step: Step) -> int:
    """Judge what only all texts together tell, and return how many texts are withdrawn for it.

    For after each `run_step`, and where nothing was left to do as well: the last run may have been killed before this.
    """
    return withdraw(catalogue, step) if step.recipe.gates and not step.asks else 0


def _located(catalogue: Catalogue, rows: Iterator[Row]) -> Iterator[Row]:
    """Each row with the path or url of its pictures, and where on the video's timeline that file begins."""
    for row in rows:
        if row["kept"] == "spans":
            source = catalogue.resolve_uri(row["clip_uri"]) if row["clip_uri"] else None
            yield row | {"source": source, "source_start_us": row["start_us"]}
        else:
            yield row | {"source": catalogue.resolve_uri(row["uri"]), "source_start_us": 0}


class _Outcomes:
    """Turns rows into outcomes; what has no pictures is an outcome at once."""

    def __init__(self, step: Step, captioner: Captioner, tally: Tally, inputs: dict[str, Row]) -> None:
        self._step, self._captioner = step, captioner
        self._tally, self._inputs = tally, inputs
        self._at_once: list[Outcome] = []
        self._noted_at = 0.0

    def of(self, rows: Iterator[Row]) -> Generator[Outcome]:
        desk = Desk(self._jobs(rows), self._ask, self._look, self._step.recipe.retries)
        finish = answer_outcome if self._step.asks else caption_outcome
        while True:
            for result in self._captioner.caption(desk):
                job = desk.take(result)
                if job is not None:
                    self._note(job)
                    yield finish(job, self._step.identity.writer, self._step.name)
                while self._at_once:
                    yield self._at_once.pop()
            while self._at_once:
                yield self._at_once.pop()
            if not desk.has_more:
                return

    def _jobs(self, rows: Iterator[Row]) -> Iterator[Job]:
        for row in rows:
            self._inputs[row["clip_id"]] = row
            if self._step.write:
                parts = written(self._step.write, row)
            elif row["source"] is None:
                gone = Reject("missing_media", "The video is gone, and the clip was not kept as a file.", False)
                self._at_once.append(Outcome(row["clip_id"], reject=gone))
                continue
            else:
                assert self._step.look is not None
                parts = looked_at(self._step.look, self._step.sampling, row)
            if parts:
                yield Job(row, parts)

    def _ask(self, row: Row, part: Part, request_id: str, attempt: int, reason: str | None) -> CaptionRequest:
        return request_for(part, row, self._step.look, self._step.sampling, request_id, attempt, reason)

    def _look(self, row: Row, part: Part, result: CaptionResult) -> tuple[str, Measures, Verdict]:
        text, verdict = cleaned(result.text or "", part.prompt, len(result.frame_times_us))
        found = measure(text, part.prompt)
        if verdict.reason is None and not part.prompt.choices:
            if self._step.recipe.gates:
                verdict = judge(text, result.finish_reason, part.prompt, found)
            elif not text.strip():
                verdict = Verdict("empty", "nothing was written")
        return text, found, verdict

    def _note(self, job: Job) -> None:
        """What was written last, for the person who watches: once a second is more than is shown."""
        if self._tally.note and time.monotonic() - self._noted_at < 1:
            return
        self._noted_at = time.monotonic()
        name = f"{job.row['video_key']} {job.row['start_us'] / 1e6:.1f} s"
        if job.kept:
            text = next(iter(job.kept.values())).text
        else:
            failure = next(iter(job.failed.values()))
            text = f"{failure.reason}: {failure.text or failure.detail}"
        self._tally.note = printable(f"{name}: {' '.join(text.split())}", width=_NOTE_WORDS)


def cleaned(text: str, prompt: Prompt, num_frames: int) -> tuple[str, Verdict]:
    """The text without what it had to begin with; a question's choice; and why it is neither.

    An answer that lacks its beginning is taken whole: models forget it, and the gates see what else is wrong.
    """
    text = text.strip()
    if prompt.choices:
        found = {choice for choice in prompt.choices if choice in words_as_written(text)}
        if len(found) == 1:
            return found.pop(), Verdict()
        return text, Verdict("no_choice", f"{len(found)} of the choices {', '.join(prompt.choices)} stand in it")
    if prompt.begins:
        _, begun, rest = text.partition(prompt.begins)
        text = rest.strip() if begun else text
    if prompt.kind == "grounded" and not events_of(text, num_frames):
        return text, Verdict("no_events", f"no events with frames between 1 and {num_frames} could be read")
    return text, Verdict()


def words_as_written(text: str) -> set[str]:
    """Words without marks around them, in the case in which they stand."""
    return {word.strip("\"'`*.,:;!?()[]<>") for word in text.split()}
