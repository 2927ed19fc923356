"""python -m bench.eval_server [--limit 100] [--faulty 0.3]: a judge's server that keeps to a limit and misbehaves.

The server runs in a process of its own. It states a limit (calls a second, or calls at once), answers what is beyond it
with 429, and lets 30 % of the calls that it took go wrong: it hangs, answers garbage, half of its JSON or labels for
other events, refuses for no reason, or fails with 500 and 503. It counts by itself, so nothing rests on our own counts:

  used      calls that it took (all but those beyond the limit) a second, from its first call to the end of its last,
            as a share of the limit; where the limit is of calls at once, the calls that were under way on average
  answered  good answers a second / the calls a second that the limit allows: at most 1 - faulty, for a call that goes
            wrong uses up its place as well, and one that hangs uses it up as long as it is waited for

Exit code 1: a sample was left unjudged, a judgement was paid twice, or less than 80 % of the limit was used.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.measure import median, python, save

LEAST = 0.8
PATIENCE = 20.0
"""Seconds until a call counts as lost, before the judge has learnt how long calls take."""


@dataclass(frozen=True)
class Limit:
    """What a server states. at_once: it counts calls under way; else the calls of a second, by bucket or by window."""

    kind: str
    calls: float

    def a_second(self, seconds: float) -> float:
        """Calls a second, where each takes so many seconds."""
        return self.calls / seconds if self.kind == "at_once" else self.calls


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limit", type=float, action="append", help="Calls a second. Default: 50, 100 and 200.")
    parser.add_argument("--kind", choices=("bucket", "window", "at_once"), action="append", help="Default: all three.")
    parser.add_argument("--faulty", type=float, default=0.3, help="Share of the calls that go wrong.")
    parser.add_argument("--seconds", type=float, default=0.1, help="That a good answer takes.")
    parser.add_argument("--for", dest="lasting", type=float, default=30.0, help="Seconds that a run should last.")
    parser.add_argument("--runs", type=int, default=3)
    asked = parser.parse_args()
    found, bad = {}, 0
    print(f"{asked.faulty:.0%} of the calls go wrong; medians of {asked.runs} runs of about {asked.lasting:.0f} s")
    for kind in asked.kind or ("bucket", "window", "at_once"):
        for rate in asked.limit or (50.0, 100.0, 200.0):
            limit = Limit(kind, rate if kind != "at_once" else max(1.0, round(rate * asked.seconds)))
            runs = [one_run(limit, asked, number) for number in range(asked.runs)]
            found[f"{kind}_{rate:.0f}"] = runs
            used = median([run["used"] for run in runs])
            bad += used < LEAST or any(run["unjudged"] or run["paid_twice"] for run in runs)
            print(line(limit, runs, asked.seconds), flush=True)
    save("eval_server", {"faulty": asked.faulty, "seconds": asked.seconds, "runs": found})
    return int(bad > 0)


def line(limit: Limit, runs: list[dict[str, Any]], seconds: float) -> str:
    used, answered, cpu = (median([run[name] for run in runs]) for name in ("used", "answered", "cpu_ms_a_call"))
    stated = f"{limit.calls:.0f} at once" if limit.kind == "at_once" else f"{limit.calls:.0f} a second by {limit.kind}"
    return (
        f"  {stated:24} ({limit.a_second(seconds):5.0f}/s): used {used:6.1%}, answered {answered:6.1%}, "
        f"beyond the limit {median([run['beyond'] for run in runs]):6.1%}, {cpu:.1f} ms of processor a call; "
        f"{sum(run['unjudged'] for run in runs)} unjudged, {sum(run['paid_twice'] for run in runs)} paid twice; "
        f"failed: {runs[0]['failures']}"
    )


def one_run(limit: Limit, asked: argparse.Namespace, seed: int) -> dict[str, Any]:
    """Judges as many samples as should keep the server busy for the asked time."""
    from eval.autodq.run import judge_all  # noqa: PLC0415
    from eval.judges.cache import Judgements  # noqa: PLC0415
    from eval.judges.server import ServerJudge, ServerJudgeSettings  # noqa: PLC0415
    from tests.eval.judge_server import samples  # noqa: PLC0415

    rate = limit.a_second(asked.seconds)
    number = max(20, round(rate * asked.lasting * (1 - asked.faulty) / 3))
    with tempfile.TemporaryDirectory() as scratch, served(limit, asked, seed) as server:
        judge = ServerJudge(server.url, ServerJudgeSettings("toy", seconds=PATIENCE))
        cache = Judgements(Path(scratch) / "judgements.sqlite")
        began = time.process_time()
        run = judge_all(samples(number), judge, "open", cache=cache)
        cpu = time.process_time() - began
        cache.close()
    counts = server.counts
    seconds, beyond = counts["seconds"], counts["said"].get("beyond", 0)
    taken = sum(counts["said"].values()) - beyond
    used = counts["call_seconds"] / seconds / limit.calls if limit.kind == "at_once" else taken / seconds / rate
    return {
        "samples": number,
        "seconds": seconds,
        "used": used,
        "answered": counts["said"]["good"] / seconds / rate,
        "beyond": beyond / (taken + beyond),
        "cpu_ms_a_call": 1000 * cpu / (taken + beyond),
        "unjudged": sum(not verdict.success for verdict in run.verdicts),
        "paid_twice": counts["paid_twice"],
        "said": counts["said"],
        "failures": dict(run.failed_calls) | {f"retried {k}": v for k, v in sorted(judge.spent.retries.items())},
    }


@dataclass
class Served:
    """A server in its own process. counts: what it counted, once it ended."""

    url: str
    counts: dict[str, Any]


@contextmanager
def served(limit: Limit, asked: argparse.Namespace, seed: int) -> Iterator[Served]:
    words = python(
        "tests.eval.judge_server", "--kind", limit.kind, "--limit", limit.calls, "--faulty", asked.faulty,
        "--seconds", asked.seconds, "--seed", seed,
    )  # fmt: skip
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdin is not None
    server = Served(process.stdout.readline().strip(), {})
    try:
        yield server
    finally:
        process.stdin.close()
        server.counts = json.loads(process.stdout.readline())
        process.wait(10)


if __name__ == "__main__":
    sys.exit(main())
