"""Reading a dataset's csv beside a bare DuckDB copy: `python -m bench.ingest [--rows 600000] [--runs 3]`.

The file is of LVD-2M's form, about 2.5 KB a row, with quotes and line breaks in its captions. Ours parses spans,
checks every row, keeps every column, and writes `requests`; the copy reads the csv and writes it as Parquet.
"""

from __future__ import annotations

import argparse
import csv
import random
import shutil
import sys
import tempfile
from pathlib import Path

from bench.measure import cost_of, in_turns, median, save, seconds_of

COLUMNS = (
    "key", "video_id", "url", "dataset_src", "raw_caption", "refined_caption", "rewritten_caption", "orig_caption",
    "total score", "span", "video_time",
)  # fmt: skip
_COPY = "import duckdb, sys; duckdb.execute(\"copy (from read_csv('%s')) to '%s' (format parquet)\")"
_OURS = (
    "import sys; from pathlib import Path; from curate.formats.ingest import Reading, ingest; "
    "from engine.catalogue import Catalogue; "
    "done = ingest(Catalogue.open('%s', create=True), Path('%s'), Reading()); "
    "assert (done.num_requests, done.num_rejects) == (%d, 0), done"
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=600_000)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        file, copy, catalogue = Path(scratch) / "ytb.csv", Path(scratch) / "copy.parquet", Path(scratch) / "catalogue"
        write_dataset(file, arguments.rows)
        size = file.stat().st_size

        def ours():
            shutil.rmtree(catalogue, ignore_errors=True)
            return cost_of([sys.executable, "-c", _OURS % (catalogue, file, arguments.rows)])

        ways = {"copy": lambda: cost_of([sys.executable, "-c", _COPY % (file, copy)]), "ours": ours}
        costs = in_turns(ways, arguments.runs)
    ratio = seconds_of(costs["ours"]) / seconds_of(costs["copy"])
    cpu = median([cost.cpu_seconds for cost in costs["ours"]]) / median([cost.cpu_seconds for cost in costs["copy"]])
    peak = median([cost.peak_mb for cost in costs["ours"]])
    print(f"{arguments.rows:,} rows, {size / 1e9:.2f} GB: a bare copy {seconds_of(costs['copy']):.1f} s, "
          f"ours {seconds_of(costs['ours']):.1f} s, {ratio:.2f} x "
          f"({cpu:.2f} x of the processor time); peak {peak:.0f} MB")  # fmt: skip
    save("ingest", {
        "rows": arguments.rows, "bytes": size, "copy_s": seconds_of(costs["copy"]), "ours_s": seconds_of(costs["ours"]),
        "ratio": ratio, "cpu_ratio": cpu, "peak_mb": peak,
    })  # fmt: skip
    return 0


def write_dataset(path: Path, rows: int) -> None:
    """Rows of LVD-2M's form with made-up words, no two texts alike; the same for the same number of rows."""
    chance = random.Random(1)
    words = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=chance.randint(2, 9))) for _ in range(5000)]
    pieces = [" ".join(chance.choices(words, k=12)) for _ in range(20_000)]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for number in range(rows):
            video, text = f"{number // 3:011d}", " ".join(chance.choices(pieces, k=26))
            start = chance.randint(0, 3000)
            span = f"['{_time(start)}.880', '{_time(start + 12)}.983']"
            raw = f'Caption 1: "{text[:1100]}"\nCaption 2: x, {text[1100:1300]}'
            writer.writerow([
                f"{video}.{number % 3}", video, f"https://www.youtube.com/watch?v={video}", "panda70m", raw,
                text[800:1360], text[1000:1260], text[-60:], round(chance.uniform(20, 80), 4), span, 12.103,
            ])  # fmt: skip


def _time(seconds: int) -> str:
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


if __name__ == "__main__":
    sys.exit(main())
