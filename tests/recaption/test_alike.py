"""Texts that say the same about many clips: which are withdrawn depends on what stands, and on nothing else."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import pytest

from engine.catalogue import Catalogue
from engine.compact import compact
from engine.due import Shard
from model.captioner import CaptionRequest
from recaption.stage import Scope, Step, finish_step, run_step
from tests.recaption.conftest import Rows, Toy, add_video, media_of, rows_of, run_all, sentence, steps

SAME = "A screen of one dark colour is there for the whole time, and nothing at all can be seen on it from here."
SHOWN = "select clip_id, kind, text from captions order by all"
NAMED = "select key, reason, detail from rejects order by all"


def speaks(*same: int) -> Toy:
    """Says of the clips that begin at these tenths of a second the same, of others each its own."""

    def say(request: CaptionRequest, _: int) -> str:
        tenth = media_of(request)[0]["start_us"] // 100_000
        return f"{SAME} {'Again.' * (tenth % 2)}" if tenth in same else sentence(tenth)

    return Toy(say)


@pytest.fixture
def nine(catalogue: Catalogue, short_video: Path) -> Catalogue:
    """Nine clips that begin every tenth of a second."""
    add_video(catalogue, short_video, [(i / 10, i / 10 + 0.5) for i in range(9)])
    return catalogue


def counts(catalogue: Catalogue) -> tuple[int, int]:
    """Texts that are shown, and texts that are turned away for what others say."""
    near = "select count(*) as n from rejects where reason = 'near_duplicate'"
    return rows_of(catalogue, "select count(*) as n from captions")[0]["n"], rows_of(catalogue, near)[0]["n"]


def test_five_clips_may_say_the_same(nine: Catalogue) -> None:
    run_all(nine, steps(), speaks(0, 1, 2, 3, 4))
    assert counts(nine) == (9, 0)


def test_of_six_clips_that_say_the_same_none_is_shown_and_each_is_named(nine: Catalogue) -> None:
    run_all(nine, steps(), speaks(0, 1, 2, 3, 4, 5))
    assert counts(nine) == (3, 6)
    assert SAME not in str(rows_of(nine, SHOWN))
    assert rows_of(nine, "select count(dense_caption) as n from clip") == [{"n": 3}]
    (detail, *_) = [row["detail"] for row in rows_of(nine, NAMED)]
    assert "5 other clips or more have such a text. It wrote: 'A screen of one dark colour" in detail


def test_the_sixth_of_a_later_run_withdraws_the_five_before_it(nine: Catalogue) -> None:
    run_all(nine, steps(), speaks(*range(9)), Scope(limit=5))
    assert counts(nine) == (5, 0)
    run_all(nine, steps(), speaks(*range(9)), Scope(limit=1))
    assert counts(nine) == (0, 6)


def test_order_shards_and_kills_do_not_change_which_ones(tmp_path: Path, short_video: Path) -> None:
    def told(name: str, scopes: Sequence[Scope], *, is_killed: bool = False) -> tuple[Rows, Rows]:
        catalogue = Catalogue.open(tmp_path / name, create=True)
        add_video(catalogue, short_video, [(i / 10, i / 10 + 0.5) for i in range(9)])
        for scope in scopes:
            run_step(catalogue, steps()[0], scope, speaks(0, 1, 3, 4, 6, 7, 8))
            if not is_killed:
                finish_step(catalogue, steps()[0])
        run_all(catalogue, steps(), Toy())
        return rows_of(catalogue, SHOWN), rows_of(catalogue, NAMED)

    quiet = told("quiet", [Scope()])
    assert (len(quiet[0]), len(quiet[1])) == (2, 7)
    assert told("shards", [Scope(shard=Shard(i, 4)) for i in (2, 0, 3, 1)]) == quiet
    assert told("one by one", [Scope(limit=1)] * 9) == quiet
    assert told("killed", [Scope(limit=4), Scope(shard=Shard(1, 2)), Scope()], is_killed=True) == quiet


def test_what_is_withdrawn_is_not_asked_for_again(nine: Catalogue) -> None:
    run_all(nine, steps(), speaks(*range(9)))
    again = Toy()
    run_all(nine, steps(), again)
    assert again.asked == []
    assert counts(nine) == (0, 9)


def test_compacting_brings_nothing_back(nine: Catalogue) -> None:
    run_all(nine, steps(), speaks(*range(6)))
    compact(nine, grace_s=0, min_parts=1)
    assert counts(nine) == (3, 6)
    assert rows_of(nine, "select count(dense_caption) as n from clip") == [{"n": 3}]
    run_all(nine, steps(), again := Toy())
    assert again.asked == []


def test_another_setting_that_says_something_is_shown(nine: Catalogue) -> None:
    run_all(nine, steps(), speaks(*range(6)))
    run_all(nine, steps(frames=8), speaks())
    assert counts(nine) == (9, 0)  # and the rejects are settled


def test_gates_that_are_off_withdraw_nothing(nine: Catalogue) -> None:
    run_all(nine, steps(gates=False), speaks(*range(9)))
    assert counts(nine) == (9, 0)


def test_six_pieces_of_one_clip_may_say_the_same(catalogue: Catalogue, short_video: Path) -> None:
    add_video(catalogue, short_video, [(0, 4)])
    run_all(catalogue, steps("lvd2m", window_us=1_000_000)[:1], Toy(lambda *_: SAME))
    assert counts(catalogue) == (5, 0)  # four segments and their join


def hierarchy() -> list[Step]:
    return steps("lvd2m", window_us=1_000_000)


def refining(say: Toy) -> Toy:
    number = itertools.count(100)

    def said(request: CaptionRequest, before: int) -> str:
        if media_of(request):
            return f"{say.say(request, before)} The camera stands still at first and then moves to the left."
        return f"CAPTION: PROMPT: {sentence(next(number))}".replace(
            "CAPTION: PROMPT:", "PROMPT:" if "PROMPT:" in str(request.messages) else "CAPTION:"
        )

    return Toy(said)


def test_segments_go_with_their_text_and_nothing_is_made_of_either(nine: Catalogue) -> None:
    run_all(nine, hierarchy(), refining(speaks(*range(6))))
    kinds = {row["kind"]: row["n"] for row in rows_of(nine, "select kind, count(*) as n from captions group by kind")}
    assert kinds == {"segment": 3, "raw": 3, "refined": 3, "rewritten": 3}


def test_what_was_made_of_a_text_goes_when_that_text_goes(nine: Catalogue) -> None:
    run_all(nine, hierarchy(), refining(speaks(*range(9))), Scope(limit=5))
    assert counts(nine) == (20, 0)
    run_all(nine, hierarchy(), refining(speaks(*range(9))))
    assert counts(nine)[0] == 0
    details = {row["detail"].split(": ")[1] for row in rows_of(nine, NAMED)}
    assert "it is made of a text that others have as well. It wrote" in details
