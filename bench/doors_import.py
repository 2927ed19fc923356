"""`curate import` beside a bare DuckDB copy: `python -m bench.doors_import [--rows 200000] [--it-rows 200000]`.

The csv of `bench.lvd2m_rows`, whose copy is its Parquet, and VideoChat2-IT's rows, as one JSON array. Each in a process
of its own; rates and peaks do not depend on the number of rows, which stands beside them.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
from pathlib import Path

from bench.lvd2m_rows import bare_copy, write_csv
from bench.measure import cost_of, in_turns, median, save, seconds_of

_OURS = (
    "from pathlib import Path; from curate.doors.importing import Wish, import_all; "
    "from engine.catalogue import Catalogue; "
    "(done,) = import_all(Catalogue.open('%s', create=True), Wish(Path('%s'))); "
    "assert done.rows['%s'] == %d and not done.reasons, done"
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--it-rows", type=int, default=200_000)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        table, array, catalogue = folder / "ytb.csv", folder / "train.json", folder / "catalogue"
        write_csv(table, arguments.rows)
        write_array(array, arguments.it_rows)

        def ours(file: Path, name: str, rows: int):
            shutil.rmtree(catalogue, ignore_errors=True)
            return cost_of([sys.executable, "-c", _OURS % (catalogue, file, name, rows)])

        ways = {
            "copy": lambda: bare_copy(table, folder / "copy.parquet"),
            "csv": lambda: ours(table, "requests", arguments.rows),
            "array": lambda: ours(array, "samples", arguments.it_rows),
        }
        costs = in_turns(ways, arguments.runs)
        size = table.stat().st_size
    ratio = seconds_of(costs["csv"]) / seconds_of(costs["copy"])
    cpu = {name: median([cost.cpu_seconds for cost in found]) for name, found in costs.items()}
    peak = {name: median([cost.peak_mb for cost in found]) for name, found in costs.items()}
    whole = seconds_of(costs["array"]) * 1_924_008 / arguments.it_rows
    print(f"{arguments.rows:,} rows of LVD-2M's form, {size / 1e9:.2f} GB: a copy {seconds_of(costs['copy']):.1f} s, "
          f"ours {seconds_of(costs['csv']):.1f} s, {ratio:.2f} x ({cpu['csv'] / cpu['copy']:.2f} x of the processor "
          f"time); peak {peak['csv']:.0f} MB")  # fmt: skip
    print(f"{arguments.it_rows:,} rows of VideoChat2-IT's form: {seconds_of(costs['array']):.1f} s, "
          f"{arguments.it_rows / seconds_of(costs['array']):,.0f} rows/s; 1,924,008 at this rate {whole:.0f} s; peak "
          f"{peak['array']:.0f} MB")  # fmt: skip
    save("doors_import", {
        "rows": arguments.rows, "bytes": size, "copy_s": seconds_of(costs["copy"]), "csv_s": seconds_of(costs["csv"]),
        "ratio": ratio, "cpu_ratio": cpu["csv"] / cpu["copy"], "csv_peak_mb": peak["csv"], "it_rows": arguments.it_rows,
        "it_s": seconds_of(costs["array"]), "it_whole_s": whole, "it_peak_mb": peak["array"],
    })  # fmt: skip
    return 0


def write_array(path: Path, rows: int) -> None:
    """Rows of VideoChat2-IT's form: a third have several turns."""
    chance = random.Random(2)
    words = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=chance.randint(2, 9))) for _ in range(5000)]
    with path.open("w", encoding="utf-8") as file:
        file.write("[")
        for number in range(rows):
            turns = [
                {"i": " ".join(chance.choices(words, k=20)), "q": " ".join(chance.choices(words, k=10)),
                 "a": " ".join(chance.choices(words, k=25))} for _ in range(3 if number % 3 == 0 else 1)
            ]  # fmt: skip
            kind = "video" if number % 5 < 2 else "image"  # as of the published rows
            file.write(("," if number else "") + json.dumps({kind: f"{number // 2}.mp4", "QA": turns}) + "\n")
        file.write("]")


if __name__ == "__main__":
    sys.exit(main())
