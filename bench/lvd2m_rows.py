"""A csv file of LVD-2M's form, and its bare copy by DuckDB: what reading a dataset's file is measured beside."""

from __future__ import annotations

import csv
import random
import sys
from pathlib import Path

from bench.measure import Cost, cost_of

COLUMNS = (
    "key", "video_id", "url", "dataset_src", "raw_caption", "refined_caption", "rewritten_caption", "orig_caption",
    "total score", "span", "video_time",
)  # fmt: skip
_COPY = "import duckdb; duckdb.execute(\"copy (from read_csv('%s')) to '%s' (format parquet)\")"


def bare_copy(table: Path, out: Path) -> Cost:
    """The csv read and written as Parquet, in a process of its own."""
    return cost_of([sys.executable, "-c", _COPY % (table, out)])


def write_csv(path: Path, rows: int) -> None:
    """Rows of LVD-2M's form, about 2.4 KB each, with quotes and line breaks in their captions: the same for the same
    number of rows, no two texts alike, an eighth of them in parts."""
    chance = random.Random(1)
    words = " ".join(
        "".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=chance.randint(2, 9))) for _ in range(300_000)
    )

    def text(length: int) -> str:
        at = chance.randrange(len(words) - 2000)
        return words[at : at + length]

    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for number in range(rows):
            video, start = f"{number // 3:011d}", chance.randint(0, 3000)
            raw = f'Caption 1: "{text(600)}"\nCaption 2: x, {text(600)}' if number % 8 == 0 else f'A "{text(1300)}"\n'
            span = f"['0:{start // 60 % 60:02d}:{start % 60:02d}.880', '1:00:12.983']"
            writer.writerow([
                f"{video}.{number % 3}", video, f"https://www.youtube.com/watch?v={video}", "panda70m", raw, text(560),
                text(260), text(60), round(chance.uniform(20, 80), 4), span, 12.103,
            ])  # fmt: skip
