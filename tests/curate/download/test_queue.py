"""The order in which videos of a run are handed out."""

from __future__ import annotations

from typing import Any

from curate.download.politeness import Hosts, Manners
from curate.download.queue import Queue


def row(number: int) -> dict[str, Any]:
    url = f"http://x.org/{number}.mp4"
    return {"video_key": url, "urls": [url], "attempts": 0, "failures": 0, "tried": [], "spans": [], "not_before": None}


def test_what_failed_comes_again_between_the_others_and_not_behind_them():
    queue = Queue(iter([row(i) for i in range(4)]), Hosts(Manners()), wall_at_zero=0.0)
    first = queue.take(0.0)
    assert first is not None
    queue.again(first, 2.0)
    keys = [taken.video_key[-5] for taken in (queue.take(1.0), queue.take(2.0), queue.take(2.0)) if taken]
    assert keys == ["1", "0", "2"]
