# ruff: noqa: E501  (rows as they are in files)
"""Predicting a benchmark: videos by id, resuming, shares; and the local judges on tiny networks."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from eval.benchmarks.choose import BY_NAME, benchmarks_of
from eval.errors import EvalError
from eval.judges.nli import clauses_of
from eval.rows import parse_row, read_rows
from eval.running.predict import Share, answered_row, due_rows, predict
from eval.running.videos import find_videos, missing_lines
from model.captioner import CaptionRequest, CaptionResult, failed
from tests.eval.running import run, scores_of, write_rows

QUESTION = "Question: What?\n(A) a cat\n(B) a dog"


def tvbench(idx: int, vid: str) -> dict:
    return {
        "messages": [
            {"role": "user", "content": [{"type": "video", "video": {"video_file": "<placeholder>"}}, {"type": "text", "text": QUESTION}]},
            {"role": "assistant", "content": [{"type": "text", "text": " Answer: ("}, {"type": "text", "text": "", "reference": "B"}]},
        ],
        "dataset": "TVBench/Action Count", "idx": idx, "vid": vid,
    }  # fmt: skip


class Toy:
    """Says B; fails for the videos that it is told to."""

    def __init__(self, fails: frozenset[str] = frozenset(), dies_after: int | None = None) -> None:
        self.asked: list[CaptionRequest] = []
        self._fails, self._dies_after = fails, dies_after

    def caption(self, requests: Iterable[CaptionRequest]) -> Iterator[CaptionResult]:
        for request in requests:
            if self._dies_after == len(self.asked):
                raise KeyboardInterrupt
            self.asked.append(request)
            if request.request_id in self._fails:
                yield failed(request, "bad_media", "damaged")
            else:
                yield CaptionResult(request.request_id, "B) a dog", "stop", provenance={"engine": "toy"})


@pytest.fixture
def published(tmp_path: Path) -> Path:
    rows = [tvbench(i, f"count/clip {i}.avi") for i in range(4)]
    (tmp_path / "videos" / "count").mkdir(parents=True)
    for i in range(3):  # the fourth is missing
        (tmp_path / "videos" / "count" / f"clip {i}.mp4").write_bytes(b"x")
    return write_rows(tmp_path / "TVBench.jsonl", rows)


def test_a_video_is_found_by_its_id_whatever_its_suffix_and_the_rest_is_listed(published: Path) -> None:
    rows = BY_NAME["tvbench"].load(published)
    found = find_videos(rows, str(published.parent / "videos"))
    assert [Path(file).name for file in found.files.values()] == ["clip 0.mp4", "clip 1.mp4", "clip 2.mp4"]
    assert missing_lines(found.missing) == ["count/clip 3.avi\tTVBench/Action Count_3"]


def test_a_killed_run_goes_on_where_it_was(published: Path, tmp_path: Path) -> None:
    benchmark, out = BY_NAME["tvbench"], tmp_path / "out"
    rows = benchmark.load(published)
    files = find_videos(rows, str(tmp_path / "videos")).files
    with pytest.raises(KeyboardInterrupt):
        predict(benchmark, due_rows(rows, files, out, Share()), files, Toy(dies_after=2), out, about={"model": "toy"})
    with (out / "predictions_0of1.jsonl").open("ab") as file:
        file.write(b'{"messages": [{"ro')  # a line that was being written
    again = Toy()
    predict(benchmark, due_rows(rows, files, out, Share()), files, again, out, about={"model": "toy"})
    assert [request.request_id for request in again.asked] == ["TVBench/Action Count_2"]
    assert {row.prediction for row in read_rows(out).rows} == {"B) a dog"}
    run("choices", "-b", "tvbench", "-p", out, "-o", out)
    assert scores_of(out)["overall"] == {"accuracy": 1.0, "success": 3, "failed": 0}
    assert scores_of(out)["model"] == "toy"


def test_a_run_that_was_killed_in_its_first_line_goes_on(published: Path, tmp_path: Path) -> None:
    rows = BY_NAME["tvbench"].load(published)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "predictions_0of1.jsonl").write_bytes(b'{"messages": [{"ro')
    assert due_rows(rows, {row.key: "x" for row in rows}, tmp_path / "out", Share()) == list(rows)


def test_a_row_without_events_is_answered_without_events() -> None:
    row = parse_row({"dataset": "D/a", "idx": 1, "reference": "a dog runs"})
    answer = answered_row(row, CaptionResult("D/a_1", "a dog", "stop"), "a.mp4")
    assert parse_row(answer).events is None


@pytest.mark.parametrize(
    "assistant",
    [[], [{"role": "assistant", "content": [{"type": "text", "text": " ("}, {"type": "text", "text": ""}]}]],
)
def test_a_row_without_a_reference_keeps_its_answer(assistant: list[dict]) -> None:
    user = {"role": "user", "content": [{"type": "text", "text": "A or B?"}]}
    row = parse_row({"dataset": "EgoSchema", "idx": 1, "messages": [user, *assistant]})
    assert parse_row(answered_row(row, CaptionResult("x", "B", "stop"), "a.mp4")).prediction == "B"


def test_a_question_is_asked_as_the_authors_asked_it(published: Path, tmp_path: Path) -> None:
    benchmark, toy = BY_NAME["tvbench"], Toy()
    rows = benchmark.load(published)
    files = find_videos(rows, str(tmp_path / "videos")).files
    predict(benchmark, due_rows(rows, files, tmp_path / "o", Share()), files, toy, tmp_path / "o", about={})
    user, assistant = toy.asked[0].messages
    assert user["content"][1]["text"] == QUESTION
    assert assistant["content"] == " Answer: ("


def test_a_failed_request_is_asked_again_by_the_next_run(published: Path, tmp_path: Path) -> None:
    benchmark, out = BY_NAME["tvbench"], tmp_path / "out"
    rows = benchmark.load(published)
    files = find_videos(rows, str(tmp_path / "videos")).files
    bad = frozenset({"TVBench/Action Count_1"})
    done = predict(benchmark, due_rows(rows, files, out, Share()), files, Toy(bad), out, about={})
    assert (done.answered, done.failed) == (2, {"bad_media": 1})
    assert [row.idx for row in due_rows(rows, files, out, Share())] == [1]


def test_shares_together_are_everything_once(published: Path, tmp_path: Path) -> None:
    rows = BY_NAME["tvbench"].load(published)
    files = {row.key: "x" for row in rows}
    shares = [due_rows(rows, files, tmp_path / "none", Share(i, 3)) for i in range(3)]
    assert sorted(row.idx for share in shares for row in share) == [0, 1, 2, 3]


def test_another_models_folder_is_refused(published: Path, tmp_path: Path) -> None:
    benchmark = BY_NAME["tvbench"]
    predict(benchmark, [], {}, Toy(), tmp_path / "o", about={"model": "a"})
    with pytest.raises(EvalError, match="predictions of another model"):
        predict(benchmark, [], {}, Toy(), tmp_path / "o", about={"model": "b"})


def test_all_is_every_group_with_the_two_that_were_in_none() -> None:
    names = [benchmark.name for benchmark in benchmarks_of(["all"])]
    assert {"tvbench", "favor-bench", "dream", "vatex-caption"} <= set(names)
    assert len(names) == len(set(names)) == 14
    with pytest.raises(EvalError, match="There is no benchmark 'dreem'"):
        benchmarks_of(["dreem"])


def test_open_answers_are_graded_and_official_drops_what_it_cannot_read(tmp_path: Path) -> None:
    rows = [
        {"idx": i, "dataset": "MSVD-QA-val", "text": {"prompt": "q", "question": "Who?", "response": "Man", "prediction": "a man"}}
        for i in range(3)
    ]  # fmt: skip
    said = ["{'pred': 'yes', 'score': 4}", '{"pred": "no", "score": "1"}', "no idea"]
    answers = [{"sample": f"MSVD-QA-val_{i}", "stage": "answer", "responses": [text]} for i, text in enumerate(said)]
    judge = f"replay:{write_rows(tmp_path / 't.jsonl', answers)}"
    predictions = write_rows(tmp_path / "p.jsonl", rows)
    words = ("answers", "-b", "msvd-qa", "-p", predictions, "-j", judge)
    printed = run(*words, "--protocol", "official", "-o", tmp_path / "a")
    assert printed.splitlines()[1:6] == [
        "Dataset: MSVD-QA-val\tMetric: GPT Accuracy",
        "#Successful Results: 1",
        "#Failed Results: 2",
        "Accuracy: 100.0",
        "Average Score: 4.0",
    ]
    run(*words, "-o", tmp_path / "b")
    overall = scores_of(tmp_path / "b")["overall"]
    assert (overall["accuracy"], overall["score"], overall["success"]) == (0.5, 2.5, 2)


def test_clauses_are_cut_at_sentences_and_conjunctions() -> None:
    text = "A man runs to the door, then he opens it. It rains, and a dog barks loudly while he waits outside."
    assert clauses_of(text) == [
        "A man runs to the door",
        "he opens it",
        "It rains, and a dog barks loudly",
        "he waits outside",
    ]


def test_a_page_shows_every_clip_and_runs_nothing_that_a_caption_says(tmp_path: Path) -> None:
    evil = "</script><script>alert(1)</script>"
    rows = [
        {"idx": f"{evil}{i}", "dataset": "D/'x' onclick=alert(1)", "prediction": said, "reference": evil, "events": [evil],
         "answered": {"video": str(tmp_path / "out" / "a'b \".mp4")}}
        for i, said in enumerate(["", "x"])
    ]  # fmt: skip
    judge = f"replay:{write_rows(tmp_path / 't.jsonl', [])}"
    run("autodq", "-p", write_rows(tmp_path / "p.jsonl", rows), "-j", judge, "-o", tmp_path / "out", "--name", evil)
    page = (tmp_path / "out" / "page.html").read_text(encoding="utf-8")
    assert evil not in page
    assert page.count("<script") == page.count("</script") == 1  # the page's own
    assert "data-part='D/&#x27;x&#x27; onclick=alert(1)'" in page
    assert "src='a%27b%20%22.mp4'" in page  # beside the page, whose folder may be moved
    assert not re.search(r"(?:src|href)=['\"]?(?:https?:)?//", page)  # nothing is fetched from anywhere
    assert "failed: not_in_transcript" in page
    assert "not judged" in page


def tiny_tokenizer(folder: Path) -> None:
    """Every byte is a token, and there is a chat template."""
    from transformers import ByT5Tokenizer  # noqa: PLC0415

    tokenizer = ByT5Tokenizer(extra_ids=0)
    tokenizer.chat_template = "{% for m in messages %}{{ m['content'] }}{% endfor %}"
    tokenizer.save_pretrained(folder)


def test_a_local_nli_model_labels_events(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from transformers import RobertaConfig, RobertaForSequenceClassification  # noqa: PLC0415

    from eval.judges.nli import NliJudge  # noqa: PLC0415

    torch.manual_seed(0)
    names = {0: "ENTAILMENT", 1: "neutral", 2: "Contradiction"}
    config = RobertaConfig(
        vocab_size=300, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        max_position_embeddings=200, id2label=names, label2id={v: k for k, v in names.items()},
    )  # fmt: skip
    RobertaForSequenceClassification(config).save_pretrained(tmp_path / "nli")
    tiny_tokenizer(tmp_path / "nli")
    judge = NliJudge(tmp_path / "nli")
    labels = asyncio.run(judge.entail("a dog runs", ["a dog", "rain", "x"]))
    assert len(labels) == 3
    assert set(labels) <= {"entailment", "neutral", "contradiction"}
    assert labels == asyncio.run(judge.entail("a dog runs", ["a dog", "rain", "x"]))
    rows = [{"idx": 1, "dataset": "D/a", "prediction": "word " * 90, "reference": "r", "events": ["e"]}]
    predictions = write_rows(tmp_path / "p.jsonl", rows)
    run("autodq", "-p", predictions, "-j", f"nli:{tmp_path / 'nli'}", "-o", tmp_path / "out")
    assert scores_of(tmp_path / "out")["failures"] == {"too_long": 1}


def test_a_local_language_model_answers_in_batches(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from transformers import LlamaConfig, LlamaForCausalLM  # noqa: PLC0415

    from eval.judges.local import LocalJudge  # noqa: PLC0415
    from eval.judges.protocol import Question  # noqa: PLC0415

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=300, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        max_position_embeddings=100, eos_token_id=1, pad_token_id=0,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(tmp_path / "llm")
    tiny_tokenizer(tmp_path / "llm")
    judge = LocalJudge(tmp_path / "llm", dtype="float32")

    async def ask(*texts: str) -> list:
        questions = [Question(text, "answer", "p", text, text, max_new_tokens=8) for text in texts]
        return await asyncio.gather(*(judge.ask(question, 0) for question in questions))

    together = asyncio.run(ask("short", "somewhat longer", "x" * 99))
    assert [reply.failure for reply in together] == ["cut_off", "cut_off", "too_long"]
    assert json.dumps([reply.prompt_tokens for reply in together[:2]]) == "[5, 15]"
