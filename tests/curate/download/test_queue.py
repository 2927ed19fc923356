"""The order in which videos of a run are handed out."""

from __future__ import annotations

from typing import Any

from curate.download.politeness import Hosts, Manners
from curate.download.queue import Queue


def row(number: int) -> dict[str, Any]:
    url = f"http://x.org/{number}.mp4"
    return {"video_key": url, "urls": [url], "attempts": 0, "failures": 0, "tried": [], "spans": [], "not_before": None}


def test_what_failed_comes_again_between_the_others_and_not_behind_them():
    queue = Queue(iter([row(i) for i in range(9)]), Hosts(Manners(per_host=99)), wall_at_zero=0.0)
    for at in (0.0, 0.0):
        failed = queue.take(at)
        assert failed is not None
        queue.again(failed, 2.0)
    taken = [queue.take(3.0) for _ in range(9)]
    # three fresh ones, the first two of them counted before, then one that failed
    assert [wanted.video_key[-5] for wanted in taken if wanted] == ["2", "0", "3", "4", "5", "1", "6", "7", "8"]
