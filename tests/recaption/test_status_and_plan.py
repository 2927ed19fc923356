"""How far a run is, and what it will take."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from engine.catalogue import Catalogue
from engine.due import Shard
from engine.write import write
from recaption.plan import plan
from recaption.run_command import Typed
from recaption.stage import Scope
from recaption.status import status, works_of
from tests.model import tiny
from tests.recaption.conftest import Toy, add_video, refusing, rows_of, run_all, sentence, steps


def test_status_counts_what_is_done_failed_and_left(filled: Catalogue) -> None:
    say = Toy(lambda request, n: refusing(request, "bad_media") if n == 0 else sentence(n))
    run_all(filled, steps(), say, Scope(limit=3))
    (work,) = works_of(filled, None)[None]
    assert (work.kind, work.model, work.clips, work.failed, work.left) == ("dense", "toy", 2, {"bad_media": 1}, 1)
    assert (work.prompt_tokens, work.output_tokens) == (20, 10)
    assert work.usd(1_000_000, 2_000_000) == 40  # 20 tokens read at 1 USD, 10 written at 2 USD


def test_a_text_about_texts_is_left_only_where_there_are_texts(filled: Catalogue) -> None:
    spoken = "The camera stands still at first and then moves to the left along the wall."
    toy = Toy(lambda request, n: f"{sentence(n)} {spoken}")
    first, refine, _ = steps("lvd2m")
    run_all(filled, [first], toy)
    run_all(filled, [refine], toy, Scope(limit=1))
    assert {work.kind: (work.clips, work.left) for work in works_of(filled, None)[None]} == {
        "raw": (4, 0), "refined": (1, 3),
    }  # fmt: skip


def test_status_is_said_of_each_shard(filled: Catalogue, capsys: pytest.CaptureFixture[str]) -> None:
    shares = [f"select count(*) as n from clips where {Shard(i, 2).condition('clip_id')}" for i in range(2)]
    counts = [row["n"] for share in shares for row in rows_of(filled, share)]
    begun = counts.index(max(counts))  # which clips are whose hangs on their ids
    run_all(filled, steps(), Toy(), Scope(shard=Shard(begun, 2)))
    works = works_of(filled, None, 2)
    assert {shard: (work.clips, work.left) for shard, (work,) in works.items()} == {
        None: (max(counts), min(counts)), begun: (max(counts), 0), 1 - begun: (0, min(counts)),
    }  # fmt: skip
    status(filled, None, 2, (0.0, 0.0))
    assert "1/2" in capsys.readouterr().out


def test_a_clip_whose_text_was_withdrawn_is_neither_captioned_nor_left(catalogue: Catalogue, short_video: Path) -> None:
    add_video(catalogue, short_video, [(i / 10, i / 10 + 0.5) for i in range(8)])
    run_all(catalogue, steps(), Toy(lambda request, n: sentence(1 if n < 6 else n)))
    (work,) = works_of(catalogue, None)[None]
    assert (work.clips, work.failed, work.left) == (2, {"near_duplicate": 6}, 0)


def test_rows_that_were_written_at_once_have_no_rate(filled: Catalogue) -> None:
    run_all(filled, steps(), Toy())
    (work,) = works_of(filled, None)[None]
    assert work.recent_seconds < 1
    assert work.per_second == 0
    assert work.eta_seconds is None


def test_the_rate_is_that_of_the_time_after_the_first_write(filled: Catalogue) -> None:
    run_all(filled, steps(), Toy(), Scope(limit=1))
    (row,) = rows_of(filled, "from captions")
    clips = [clip["clip_id"] for clip in rows_of(filled, "from clips") if clip["clip_id"] != row["clip_id"]]
    later = [row | {"clip_id": clip, "caption_id": clip, "created_at": row["created_at"] + timedelta(seconds=60)}
             for clip in clips]  # fmt: skip
    write(filled, {"captions": later}, stage="caption")
    (work,) = works_of(filled, None)[None]
    assert (work.recent, work.recent_seconds) == (3, 60)
    assert work.per_second == 3 / 60


def test_what_was_done_in_vain_is_shown_with_its_reasons(filled: Catalogue) -> None:
    run_all(filled, steps(), Toy(lambda request, n: "No."))
    (work,) = works_of(filled, None)[None]
    assert (work.stage, work.clips, work.failed, work.left) == ("caption", 0, {"too_short": 4}, 0)


def test_nothing_captioned_is_said(catalogue: Catalogue, capsys: pytest.CaptureFixture[str]) -> None:
    status(catalogue, None, 1, (0.0, 0.0))
    assert capsys.readouterr().out == "nothing is captioned yet\n"


def test_a_plan_counts_pieces_and_prices_them(
    filled: Catalogue, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch", reason="the extra `model` is not installed")
    checkpoint = tiny.tarsier2(tmp_path / "tiny")
    plan(Typed(filled.url, str(checkpoint), window=1.0, samples=2, temperature=0.5), "H200", 8, (0.0, 1000.0), 3.5)
    out = capsys.readouterr().out
    assert "4 clips, 4 pieces, 8 answers" in out
    assert "1,600 (200 a text, assumed)" in out
    assert "roofline, H200" in out
    assert "1.60 USD at 0/1000" in out  # 1,600 tokens at 1,000 USD a million
