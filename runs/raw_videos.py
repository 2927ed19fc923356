"""Raw videos for the tour, and a file in LVD-2M's columns that asks for them: `python runs/raw_videos.py OUT`.

In OUT/files: reels (several stories each, among other scenes), some of them twice in another size and quality, one cut
off; reels.jsonl says what is true of them. OUT/requests.csv asks a server at 127.0.0.1 for them, and for some files
that are not there, in ways that fail (`tests/misbehaving_server.py` says how).
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from media.synthetic.stories.film import StoryFilm
from media.synthetic.stories.reel import Reel, write_reels

REELS, COPIES = 40, 3
COPY = StoryFilm(size=72, crf=32)
WAYS = ("ok", "ok", "busy_once", "ok", "reset_once", "redirect", "ok")
COLUMNS = (
    "key", "video_id", "url", "span", "raw_caption", "refined_caption", "rewritten_caption", "total score",
    "dataset_src",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--port", type=int, default=8765, help="of the server that the urls name (8765)")
    parser.add_argument("--reels", type=int, default=REELS, help=f"how many reels ({REELS})")
    asked = parser.parse_args()
    files = asked.out / "files"
    reels = write_reels(files, range(asked.reels))
    copies = write_reels(files, range(min(COPIES, asked.reels)), film=COPY)
    cut_off = files / "cut_off.mp4"
    if not cut_off.is_file():
        cut_off.write_bytes((files / reels[0].video).read_bytes()[:4_000])
    with (asked.out / "requests.csv").open("w", newline="") as file:
        rows: csv.DictWriter[str] = csv.DictWriter(file, COLUMNS)
        rows.writeheader()
        rows.writerows(requests(reels + copies, f"http://127.0.0.1:{asked.port}"))
    print(f"{len(reels) + len(copies)} reels in {files}, asked for in {asked.out / 'requests.csv'}")


def requests(reels: Sequence[Reel], server: str) -> Iterator[dict[str, str]]:
    """A row a video; the last ones cannot be had."""
    for number, reel in enumerate(reels):
        seconds = reel.truth.end_us // 1_000_000
        yield row(reel.video.removesuffix(".mp4"), f"{server}/{WAYS[number % len(WAYS)]}/{reel.video}", seconds)
    yield row("cut_off", f"{server}/ok/cut_off.mp4", 10)
    yield row("gone", f"{server}/404/gone.mp4", 10)
    yield row("not_a_video", f"{server}/html/page.mp4", 10)
    yield row("of_the_server", f"{server}/to_file/passwd.mp4", 10)


def row(name: str, url: str, seconds: int) -> dict[str, str]:
    """Captions say nothing: they are what the tour makes."""
    span = f"['00:00:00', '00:{seconds // 60:02}:{seconds % 60:02}']"
    given = dict.fromkeys(("raw_caption", "refined_caption", "rewritten_caption"), "A video.")
    return {
        "key": name,
        "video_id": name,
        "url": url,
        "span": span,
        "total score": "1.0",
        "dataset_src": "tour",
    } | given


if __name__ == "__main__":
    main()
