"""Reading a dataset's csv beside a bare DuckDB copy: `python -m bench.ingest [--rows 600000] [--runs 3]`.

The file is that of `bench.lvd2m_rows`. Ours parses spans, checks every row, keeps every column, and writes `requests`;
the copy reads the csv and writes it as Parquet.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from bench.lvd2m_rows import bare_copy, write_csv
from bench.measure import cost_of, in_turns, median, save, seconds_of

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
        write_csv(file, arguments.rows)
        size = file.stat().st_size

        def ours():
            shutil.rmtree(catalogue, ignore_errors=True)
            return cost_of([sys.executable, "-c", _OURS % (catalogue, file, arguments.rows)])

        ways = {"copy": lambda: bare_copy(file, copy), "ours": ours}
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


if __name__ == "__main__":
    sys.exit(main())
