"""From due clips to rows, with captioners that are toys."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from engine.catalogue import Catalogue
from engine.due import Shard
from engine.write import write
from model.captioner import CaptionRequest, CaptionResult
from recaption.recipes import Sampling
from recaption.stage import Scope
from tests.recaption.conftest import (
    Toy,
    add_video,
    media_of,
    provenance,
    recipe,
    refusing,
    rows_of,
    run_all,
    sentence,
    steps,
    text_of,
)


def test_a_clip_gets_one_dense_caption_with_its_provenance(filled: Catalogue) -> None:
    run_all(filled, steps(), Toy())
    rows = rows_of(filled, "from captions order by clip_id")
    assert len(rows) == 4
    one = rows[0]
    assert (one["kind"], one["model"], one["weights_hash"], one["prompt_id"]) == ("dense", "toy", "w1", "tarsier.dense")
    assert (one["prompt_tokens"], one["output_tokens"], one["finish_reason"], one["attempt"]) == (10, 5, "stop", 0)
    assert one["frame_times_us"] == [0, 500_000]
    assert one["segment"] is None
    assert one["num_words"] == len(one["text"].replace(",", "").split())
    assert rows_of(filled, "select count(dense_caption) as n from clip")[0]["n"] == 4


def test_what_is_captioned_is_not_asked_again_and_another_setting_is(filled: Catalogue) -> None:
    run_all(filled, steps(), Toy())
    again, other = Toy(), Toy()
    run_all(filled, steps(), again)
    assert again.asked == []
    run_all(filled, steps(frames=8), other)
    assert len(other.asked) == 4
    run_all(filled, steps(), again)  # and what the first setting did counts still
    assert again.asked == []


def test_shards_share_nothing_and_miss_nothing(filled: Catalogue) -> None:
    toy = Toy()
    for index in range(3):
        run_all(filled, steps(), toy, Scope(shard=Shard(index, 3)))
    assert len(toy.asked) == 4
    assert rows_of(filled, "select count(distinct clip_id) as n from captions")[0]["n"] == 4


def test_a_limit_and_a_selection_bound_what_is_done(filled: Catalogue) -> None:
    clips = [row["clip_id"] for row in rows_of(filled, "select clip_id from clips order by start_us")]
    chosen = [{"selection": "two", "clip_id": clip, "rank": i + 1} | provenance() for i, clip in enumerate(clips[:2])]
    step = {"selection": "two", "step": 0, "condition": "all", "sql": "true", "clips_turned_away_alone": 0,
            "hours_turned_away_alone": 0.0, "clips_unmeasured": 0, "clips_left": 2, "hours_left": 0.1}  # fmt: skip
    mine = {key: chosen[0][key] for key in ("fingerprint", "tool_version", "created_at")}
    write(filled, {"selections": [row | mine for row in chosen], "funnels": [step | mine]}, stage="select")
    toy = Toy()
    run_all(filled, steps(), toy, Scope(selection="two", limit=1))
    assert len(toy.asked) == 1
    run_all(filled, steps(), toy, Scope(selection="two"))
    assert len(toy.asked) == 2


def test_a_span_is_read_from_the_source_video(filled: Catalogue, short_video: Path) -> None:
    toy = Toy()
    run_all(filled, steps(), toy)
    spans = sorted((m["start_us"], m["end_us"]) for request in toy.asked for m in media_of(request))
    assert spans == [(i * 1_000_000, (i + 1) * 1_000_000) for i in range(4)]
    assert {m["video_file"] for request in toy.asked for m in media_of(request)} == {str(short_video)}
    assert {request.n_frames for request in toy.asked} == {4}


def test_a_clip_whose_video_is_gone_is_read_from_its_own_file(catalogue: Catalogue, short_video: Path) -> None:
    kept, lost = add_video(catalogue, short_video, [(1, 2), (2, 3)], kept="spans")
    file = {"clip_id": kept, "video_id": kept.split("_")[0], "uri": "media/clips/a.mp4", "bytes": 1, "content": "c",
            "num_frames": 10}  # fmt: skip
    write(catalogue, {"clip_files": [file | provenance()]}, stage="cut")
    toy = Toy()
    run_all(catalogue, steps(), toy)
    (media,) = media_of(toy.asked[0])
    assert media["video_file"].endswith("media/clips/a.mp4")
    assert (media["start_us"], media["end_us"]) == (0, 1_000_000)
    (caption,) = rows_of(catalogue, "from captions")
    assert caption["frame_times_us"] == [1_000_000, 1_500_000]  # on the video's own timeline all the same
    (reject,) = rows_of(catalogue, "from rejects")
    assert (reject["key"], reject["reason"], reject["permanent"]) == (lost, "missing_media", False)


@pytest.mark.parametrize("permanent", [True, False])
def test_a_failed_call_is_a_reject_and_due_again_unless_it_cannot_help(filled: Catalogue, permanent: bool) -> None:
    reason = "bad_media" if permanent else "timeout"
    run_all(filled, steps(), Toy(lambda request, n: refusing(request, reason) if n == 1 else sentence(n)))
    assert [row["reason"] for row in rows_of(filled, "from rejects")] == [reason]
    again = Toy()
    run_all(filled, steps(), again)
    assert len(again.asked) == (0 if permanent else 1)
    run_all(filled, steps(), again, Scope(retry=True))
    assert len(again.asked) == 1
    assert rows_of(filled, "from rejects") == []  # settled


def test_an_unfit_text_is_asked_for_again_otherwise(filled: Catalogue) -> None:
    toy = Toy(lambda request, n: "I cannot view this video." if request.n_frames == 4 else sentence(n))
    run_all(filled, steps(), toy, Scope(limit=1))
    assert [request.n_frames for request in toy.asked] == [4, 3]
    (row,) = rows_of(filled, "select attempt, text from captions")
    assert row["attempt"] == 1


def test_a_text_that_was_cut_off_gets_twice_the_room(filled: Catalogue) -> None:
    toy = Toy(finish="length")
    run_all(filled, steps(), toy, Scope(limit=1))
    assert [request.max_new_tokens for request in toy.asked] == [512, 1024, 512]
    assert [request.temperature for request in toy.asked] == [0, 0, 0.7]  # at last it is drawn
    (reject,) = rows_of(filled, "from rejects")
    assert (reject["reason"], reject["permanent"]) == ("truncated", True)
    assert "It wrote" in reject["detail"]
    assert rows_of(filled, "from captions") == []


def test_a_drawn_text_is_tried_again_with_another_seed(filled: Catalogue) -> None:
    toy = Toy(lambda request, n: "No." if n < 2 else sentence(n))
    run_all(filled, steps(sampling=Sampling(temperature=0.7, seed=3)), toy, Scope(limit=1))
    assert [request.seed for request in toy.asked] == [3, 1003, 2003]
    assert {request.n_frames for request in toy.asked} == {4}


def test_samples_and_prompts_of_a_clip_go_out_side_by_side(filled: Catalogue) -> None:
    toy = Toy()
    sampling = Sampling(samples=2, temperature=0.7)
    run_all(filled, steps(sampling=sampling, asked=("tarsier.dense", "tarsier.brief")), toy, Scope(limit=1))
    assert [request.seed for request in toy.asked] == [0, 1, 0, 1]
    assert len({str(media_of(request)) for request in toy.asked}) == 1  # so its frames are decoded once
    rows = rows_of(filled, "select kind, sample, caption_id from captions order by kind, sample")
    assert [(row["kind"], row["sample"]) for row in rows] == [("brief", 0), ("brief", 1), ("dense", 0), ("dense", 1)]
    assert len({row["caption_id"] for row in rows}) == 4


def test_one_sample_that_fails_leaves_the_others(filled: Catalogue) -> None:
    toy = Toy(lambda request, n: "No." if request.seed % 1000 == 1 else sentence(n))
    run_all(filled, steps(sampling=Sampling(samples=3, temperature=0.7)), toy, Scope(limit=1))
    assert [row["sample"] for row in rows_of(filled, "select sample from captions order by sample")] == [0, 2]
    (reject,) = rows_of(filled, "from rejects")
    assert reject["reason"] == "too_short"
    assert "sample 1" in reject["detail"]
    run_all(filled, steps(sampling=Sampling(samples=3, temperature=0.7)), again := Toy(), Scope(limit=1))
    assert rows_of(filled, "select count(distinct clip_id) as n from captions")[0]["n"] == 2  # the next clip's turn
    assert len(again.asked) == 3


def test_gates_that_are_off_keep_all_but_nothing(filled: Catalogue) -> None:
    toy = Toy(lambda request, n: "" if n == 0 else "utsuts" * 30)
    run_all(filled, steps(gates=False), toy, Scope(limit=2))
    assert rows_of(filled, "select count(*) as n from captions")[0]["n"] == 2
    assert len(toy.asked) == 3  # the empty one was asked for again


def test_no_run_is_stopped_by_one_unreadable_video(filled: Catalogue, tmp_path: Path, short_video: Path) -> None:
    broken = tmp_path / "broken.mp4"
    shutil.copy(short_video, broken)
    add_video(filled, broken, [(0, 1)])
    toy = Toy(lambda request, n: refusing(request, "bad_media") if "broken" in str(media_of(request)) else sentence(n))
    run_all(filled, steps(), toy)
    assert rows_of(filled, "select count(*) as n from captions")[0]["n"] == 4
    assert [row["video_key"] for row in rows_of(filled, "from rejects")] == ["broken.mp4"]


def test_ten_thousand_retries_do_not_grow_the_queue(filled: Catalogue) -> None:
    """Tries come before new clips, so that no more clips are under way than the captioner asks for."""
    order = list[str]()

    def say(request: CaptionRequest, number: int) -> str:
        order.append(request.request_id.rsplit("/", 1)[1])
        return "No." if request.request_id.endswith("/0") else sentence(number)

    run_all(filled, steps(), Toy(say))
    assert order == ["0", "1"] * 4


def test_a_long_clip_is_looked_at_in_windows_that_are_merged(filled: Catalogue) -> None:
    def say(request: CaptionRequest, number: int) -> str:
        return f"CAPTION: Merged. {sentence(number)}" if not media_of(request) else sentence(number)

    wide = next(iter(rows_of(filled, "select video_id, uri from videos")))
    add_video(filled, Path(wide["uri"]), [(0, 4)])  # a newer scan: one clip of four seconds
    toy = Toy(say)
    run_all(filled, steps(window_us=1_500_000), toy)
    asked = [media_of(request) for request in toy.asked]
    assert [(m[0]["start_us"], m[0]["end_us"]) for m in asked if m] == [
        (0, 1_333_333), (1_333_333, 2_666_666), (2_666_666, 4_000_000),
    ]  # fmt: skip
    assert "Caption 3: " in text_of(toy.asked[-1])
    rows = {row["kind"]: row for row in rows_of(filled, "from captions order by segment")}
    assert set(rows) == {"segment", "raw", "dense"}
    assert rows["dense"]["text"].startswith("Merged.")
    assert rows["dense"]["parents"] == [rows["raw"]["caption_id"]]
    assert len(rows["raw"]["parents"]) == 3
    again = Toy(say)
    run_all(filled, steps(window_us=1_500_000), again)
    assert again.asked == []


def test_one_window_that_fails_leaves_no_caption_of_the_clip(filled: Catalogue) -> None:
    (video,) = rows_of(filled, "select uri from videos")
    add_video(filled, Path(video["uri"]), [(0, 4)])
    wanted = steps(window_us=1_500_000)
    run_all(filled, wanted, Toy(lambda request, n: refusing(request, "timeout") if n == 1 else sentence(n)))
    assert rows_of(filled, "from captions") == []
    assert [row["reason"] for row in rows_of(filled, "from rejects")] == ["timeout"]


def test_the_fingerprint_is_that_of_all_that_changes_a_text() -> None:
    base = steps()[0].fingerprint
    others = [
        steps(frames=8), steps(window_us=5_000_000), steps(sampling=Sampling(top_logprobs=5)), steps(gates=False),
        steps("grounded"),
    ]  # fmt: skip
    fingerprints = {base, *(other[0].fingerprint for other in others)}
    assert len(fingerprints) == 6
    assert steps()[0].fingerprint == base


def test_a_result_without_a_request_is_a_bug(filled: Catalogue) -> None:
    with pytest.raises(KeyError):
        run_all(filled, steps(), Toy(lambda *_: CaptionResult("nobody", "x", "stop")))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "best"}, "no recipe 'best'"),
        ({"name": "lvd2m", "frames": 8}, "holds 6 frames"),
    ],
)
def test_a_recipe_that_cannot_be_is_an_error(options: dict, message: str) -> None:
    name = options.pop("name")
    with pytest.raises(ValueError, match=message):
        recipe(name, **options)
