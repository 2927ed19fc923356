"""Judges behind servers that keep to a limit, fail, lie and hang: all is judged, classed, and paid for once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from eval.autodq.run import Run, judge_all
from eval.errors import EvalError
from eval.judges.cache import Judgements
from eval.judges.choose import judge_of
from eval.judges.server import ServerJudge, ServerJudgeSettings
from tests.conftest import REPO
from tests.eval.judge_server import JudgeServer, samples, serving
from tests.eval.running import run, scores_of, write_rows

QUICK = ServerJudgeSettings("toy", seconds=1.0, first_wait=0.02)


def judged(server: JudgeServer, file: Path, number: int, settings: ServerJudgeSettings = QUICK) -> Run:
    cache = Judgements(file)
    try:
        return judge_all(samples(number), ServerJudge(server.url, settings), "open", cache=cache)
    finally:
        cache.close()


def test_a_server_that_misbehaves_in_every_way_still_judges_everything(tmp_path: Path) -> None:
    with serving(JudgeServer(limit=400, faulty=0.3)) as server:
        result = judged(server, tmp_path / "j.sqlite", 40)
    assert all((v.recall, v.precision) == (0.5, 0.5) for v in result.verdicts)
    assert set(server.said) > {"good", "hang", "garbage", "truncated", "server_error"}
    assert set(server.paid.values()) == {1}


def test_a_second_run_asks_nothing(tmp_path: Path) -> None:
    with serving(JudgeServer()) as server:
        first = judged(server, tmp_path / "j.sqlite", 5)
        asked = len(server.asked)
        second = judged(server, tmp_path / "j.sqlite", 5)
    assert (asked, len(server.asked), second.calls) == (15, 15, 0)
    assert [v.as_json() for v in second.verdicts] == [v.as_json() for v in first.verdicts]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("hang", "timeout"),
        ("garbage", "bad_answer"),
        ("truncated", "bad_answer"),
        ("server_error", "server_error"),
        ("unavailable", "unavailable"),
    ],
)
def test_a_failure_has_its_class(fault: str, reason: str, tmp_path: Path) -> None:
    settings = ServerJudgeSettings("toy", seconds=0.6, first_wait=0.01, tries=2)
    with serving(JudgeServer(faulty=1.0, faults=(fault,))) as server:
        result = judged(server, tmp_path / "j.sqlite", 1, settings)
    assert [(v.success, v.failure) for v in result.verdicts] == [(False, reason)]


def test_a_wrong_count_is_asked_again_and_then_a_failed_row(tmp_path: Path) -> None:
    class Miscounting(JudgeServer):
        def answer(self, body: dict) -> str:
            return super().answer(body) if "ten" in body["messages"][0]["content"] else json.dumps({"0": "neutral"})

    with serving(Miscounting()) as server:
        (verdict,) = judged(server, tmp_path / "j.sqlite", 1).verdicts
    assert (verdict.failure, verdict.recall) == ("wrong_count", None)


def test_questions_are_greedy_and_held_to_a_schema_of_numbered_labels(tmp_path: Path) -> None:
    with serving(JudgeServer()) as server:
        judged(server, tmp_path / "j.sqlite", 1)
    labels = [b for b in server.asked if "0" in b["response_format"]["json_schema"]["schema"]["properties"]]
    assert {body["temperature"] for body in server.asked} == {0.0}
    assert labels[0]["response_format"]["json_schema"]["schema"]["required"] == ["0", "1"]


def test_a_budget_is_never_passed(tmp_path: Path) -> None:
    settings = ServerJudgeSettings("toy", usd_written=10.0, budget_usd=0.1)  # a question may cost 0.02 USD
    with serving(JudgeServer()) as server:
        result = judged(server, tmp_path / "j.sqlite", 200, settings)
    assert sum(server.paid.values()) * 40 * 10.0 / 1e6 <= 0.1
    assert {v.failure for v in result.verdicts if not v.success} == {"budget"}


def test_a_model_that_is_not_there_ends_the_run_with_one_line(tmp_path: Path) -> None:
    with serving(JudgeServer(missing=True)) as server, pytest.raises(EvalError, match="no such url or model"):
        judged(server, tmp_path / "j.sqlite", 1)


def test_a_spec_names_the_model_and_nothing_unknown() -> None:
    with pytest.raises(EvalError, match="Which model judges"):
        judge_of("http://localhost:8000/v1")
    with pytest.raises(EvalError, match="no option 'modle'"):
        judge_of("http://localhost:8000/v1?modle=x")
    with pytest.raises(EvalError, match="There is no judge 'gpt'"):
        judge_of("gpt")


def test_a_run_that_is_killed_again_and_again_pays_for_no_judgement_twice(tmp_path: Path) -> None:
    rows = [
        {"idx": s.key, "prediction": s.prediction, "reference": s.reference, "events": list(s.events or ())}
        for s in samples(100)
    ]
    predictions, at_once, kills = write_rows(tmp_path / "p.jsonl", rows), 4, 2
    with serving(JudgeServer(limit=150)) as server:
        words = ["autodq", "-p", predictions, "-j", f"{server.url}?model=toy&at_once={at_once}", "-o", tmp_path / "out"]
        words += ["--cache", tmp_path / "kept.sqlite"]
        for number in range(kills):
            killed_after(server, (number + 1) * 70, [sys.executable, "-m", "eval", *map(str, words)])
        paid = sum(server.paid.values())
        run(*words)
    assert paid < 300 <= sum(server.paid.values())
    again = [prompt for prompt, count in server.paid.items() if count > 1]
    assert len(again) <= kills * at_once  # those that were under way when it was killed: nobody was there to hear them
    assert scores_of(tmp_path / "out")["coverage"] == 1.0


def killed_after(server: JudgeServer, answers: int, words: list[str]) -> None:
    """Kills a process once the server has given so many good answers."""
    process = subprocess.Popen(words, cwd=REPO, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    while sum(server.paid.values()) < answers and time.monotonic() < deadline:
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    process.wait(10)
    time.sleep(0.1)  # what was under way ends


def test_a_batch_file_takes_two_rounds_and_no_server(tmp_path: Path) -> None:
    rows = [
        {
            "idx": 0,
            "dataset": "D/x",
            "prediction": "a dog runs. a cat jumps.",
            "reference": "a dog runs.",
            "events": ["a dog runs"],
        }
    ]
    predictions = write_rows(tmp_path / "p.jsonl", rows)
    judge = "http://127.0.0.1:9/v1?model=toy"
    words = ["autodq", "-p", predictions, "-j", judge, "-o", tmp_path / "out"]
    answers = tmp_path / "answers.jsonl"
    for number in (2, 1, 0):
        more = ["--batch-in", answers] if answers.exists() else []
        run(*words, "--batch-out", tmp_path / "questions.jsonl", *more)
        asked = [json.loads(line) for line in (tmp_path / "questions.jsonl").read_text().splitlines()]
        assert len(asked) == number
        said = [
            {"custom_id": one["custom_id"], "response": {"status_code": 200, "body": {
                "choices": [{"message": {"content": JudgeServer().answer(one["body"])}, "finish_reason": "stop"}]}}}
            for one in asked
        ]  # fmt: skip
        answers.write_text("".join(json.dumps(one) + "\n" for one in said))
    overall = scores_of(tmp_path / "out")["overall"]
    assert (overall["recall"], overall["precision"]) == (1.0, 0.5)


def test_a_dry_run_says_the_cost_and_asks_nothing(tmp_path: Path) -> None:
    rows = [{"idx": 0, "dataset": "D/x", "prediction": "a dog runs.", "reference": "a dog.", "events": ["a dog runs"]}]
    predictions = write_rows(tmp_path / "p.jsonl", rows)
    with serving(JudgeServer()) as server:
        judge = f"{server.url}?model=toy&usd_read=1&usd_written=2"
        printed = run("autodq", "-p", predictions, "-j", judge, "-o", tmp_path / "out", "--dry-run")
    assert "about 3 questions" in printed
    assert not server.asked


def test_judgements_travel_as_parquet_and_replay_offline(tmp_path: Path) -> None:
    with serving(JudgeServer()) as server:
        judged(server, tmp_path / "here.sqlite", 3)
        url = server.url
    run("judgements", "export", tmp_path / "paper.parquet", "--cache", tmp_path / "here.sqlite")
    run("judgements", "import", tmp_path / "paper.parquet", "--cache", tmp_path / "there.sqlite")
    result = judged(JudgeServer(url=url), tmp_path / "there.sqlite", 3)  # that server is gone
    assert (result.calls, all(v.success for v in result.verdicts)) == (0, True)
