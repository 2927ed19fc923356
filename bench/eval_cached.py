"""python -m bench.eval_cached: scoring 1,000 clips whose judgements are kept, in a fresh process, and in one that runs.

Each clip has six events on either side, as DREAM-1K's have. They are judged once by a server on this machine; then the
command runs again and again, which must ask nothing.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import tempfile
import time
from pathlib import Path

from bench.measure import cost_of, median, python, save, seconds_of

CLIPS, EVENTS, RUNS, MOST_SECONDS = 1_000, 6, 5, 2.0


def main() -> int:
    """Prints medians; exit code 1: a question was asked, or the process that runs took longer than it may."""
    from tests.eval.judge_server import JudgeServer, serving  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as scratch, serving(JudgeServer(seconds=0.0)) as server:
        predictions, out = Path(scratch) / "predictions.jsonl", Path(scratch) / "out"
        predictions.write_text("".join(json.dumps(row(i)) + "\n" for i in range(CLIPS)), encoding="utf-8")
        words = ["autodq", "-p", str(predictions), "-j", f"{server.url}?model=toy", "-o", str(out)]
        words += ["--cache", str(Path(scratch) / "kept.sqlite")]
        cost_of(python("eval", *words))
        paid = len(server.asked)
        fresh = [cost_of(python("eval", *words)) for _ in range(RUNS)]
        within = [seconds_within(words) for _ in range(RUNS)]
        asked = len(server.asked) - paid
    print(
        f"{CLIPS:,} clips from kept judgements, medians of {RUNS}: {median(within):.2f} s, as a fresh process "
        f"{seconds_of(fresh):.2f} s ({median([c.cpu_seconds for c in fresh]):.2f} s of processor); "
        f"{paid} questions asked by the first run, {asked} by those after it"
    )
    save("eval_cached", {"seconds": within, "fresh_process_seconds": [c.seconds for c in fresh], "asked": asked})
    return int(asked > 0 or median(within) > MOST_SECONDS)


def seconds_within(words: list[str]) -> float:
    """Of the command in this process, files written and all."""
    from eval.cli import app  # noqa: PLC0415

    began = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        app(words, standalone_mode=False)
    return time.perf_counter() - began


def row(number: int) -> dict[str, object]:
    """Half of what is told stands in the other text too."""
    told = [f"a dog {number} runs past the tall tree {event}" for event in range(EVENTS)]
    claimed = [*told[: EVENTS // 2], *(f"rain {number} falls on the long street {event}" for event in range(3))]
    return {
        "idx": number,
        "dataset": f"DREAM/part_{number % 5}",
        "prediction": ". ".join(claimed) + ".",
        "reference": ". ".join(told) + ".",
        "events": told,
    }


if __name__ == "__main__":
    sys.exit(main())
