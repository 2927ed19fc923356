"""How fast a catalogue of LVD-2M's size answers: `python -m bench.catalogue [--rows 2100000] [--out DIR]`.

Builds it from synthetic rows through the real writer, asks before and after `compact`, and beside each the same
question to bare DuckDB over the same Parquet files. Every figure is the median over fresh processes.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import pyarrow as pa

from bench.catalogue_rows import CAPTION, SCAN, build
from engine.catalogue import Catalogue, now, tool_version
from engine.compact import compact
from engine.query import query
from engine.wide import derived_clip_of

RUNS = 5
FILTER = "flow_dis_lvd > 20 and seconds >= 10 and still_share < 0.2"
TOP = f"from clip where {FILTER} order by seconds desc limit 10"
QUESTIONS = {
    "open": "",
    "filter_top10": f"select clip_id, video_key, seconds, flow_dis_lvd, luma_mean {TOP}",
    "filter_top10_all_columns": f"select * {TOP}",
    "funnel_count": f"select count(*), sum(seconds) / 3600 from clip where {FILTER}",
    "left_to_scan": (
        f"select count(*) from videos v anti join scans s on s.video_id = v.video_id and s.fingerprint = '{SCAN}'"
    ),
    "left_to_caption": (
        "select count(*) from clips c anti join captions t "
        f"on t.clip_id = c.clip_id and t.kind = 'raw' and t.fingerprint = '{CAPTION}'"
    ),
}
BARS = {"open": 0.2, "filter_top10": 0.3, "left_to_scan": 2.0, "left_to_caption": 2.0}
BAR_GB = 1.5


def ask(name: str, folder: Path) -> float:
    """Seconds that one question takes in this process, its opening of the catalogue not counted (except for `open`)."""
    began = time.perf_counter()
    catalogue = Catalogue.open(folder)
    with catalogue.connect() as connection:
        if name != "open":
            began = time.perf_counter()
            connection.sql(QUESTIONS[name]).to_arrow_table()
        return time.perf_counter() - began


def ask_fenced(name: str, folder: Path) -> float:
    """The same through `curate sql`'s door, opening and fence counted."""
    began = time.perf_counter()
    query(Catalogue.open(folder), QUESTIONS[name] or "select 1").to_arrow_table()
    return time.perf_counter() - began


def ask_bare(name: str, folder: Path) -> float:
    """The same question to DuckDB over the Parquet files alone: what the disk and the format allow."""
    snapshot = Catalogue.open(folder).snapshot()
    files = {"clip": derived_clip_of(snapshot)} | {
        t: snapshot.parts(t) for t in ("videos", "scans", "clips", "captions")
    }
    with duckdb.connect() as connection:
        for table, names in files.items():
            if names:
                paths = ", ".join(f"'{folder}/{part}'" for part in names)
                connection.execute(f"create view {table} as from read_parquet([{paths}])")
        began = time.perf_counter()
        connection.sql(QUESTIONS[name]).to_arrow_table()
        return time.perf_counter() - began


WAYS = {"catalogue": ask, "curate sql": ask_fenced, "bare DuckDB": ask_bare}


def measured(way: str, name: str, folder: Path) -> dict[str, float]:
    """Median seconds and the largest memory (GB) over fresh processes."""
    command = [sys.executable, "-m", "bench.catalogue", "--ask", way, name, "--out", str(folder)]
    answers = [
        json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout) for _ in range(RUNS)
    ]
    return {
        "seconds": statistics.median(answer["seconds"] for answer in answers),
        "gb": max(answer["gb"] for answer in answers),
    }


def table_of(state: str, folder: Path) -> dict[str, dict[str, dict[str, float]]]:
    """Every question in every way, printed as it comes."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for name in QUESTIONS:
        ways = ["catalogue"] if state == "live" else [way for way in WAYS if way != "bare DuckDB" or name != "open"]
        found[name] = {way: measured(way, name, folder) for way in ways}
        cells = "   ".join(f"{way} {m['seconds']:.3f} s {m['gb']:.2f} GB" for way, m in found[name].items())
        print(f"{state:10} {name:26} {cells}", flush=True)
    return found


def bench(rows: int, folder: Path) -> dict[str, object]:
    began = time.perf_counter()
    catalogue = Catalogue.open(folder, create=True)
    clips = build(catalogue, rows)
    built = time.perf_counter() - began
    snapshot = catalogue.snapshot()
    parts = sum(len(snapshot.parts(table)) for table in snapshot.tables)
    print(f"{clips} clips in {parts} parts, {_gb(folder):.2f} GB, written in {built:.0f} s", flush=True)
    result: dict[str, object] = {"clips": clips, "parts": parts, "gb": _gb(folder), "write_seconds": built}
    result["live"] = table_of("live", folder)
    result["compact"] = json.loads(_python("--compact", "--out", str(folder)))
    print(f"compact: {result['compact']}", flush=True)
    result["compacted_gb"] = _gb(folder)
    result["compacted"] = table_of("compacted", folder)
    return result


def _python(*arguments: str) -> str:
    command = [sys.executable, "-m", "bench.catalogue", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _gb(folder: Path) -> float:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e9


def _rss_gb() -> float:
    """Largest memory of this process; not getrusage's, which a child takes over from its parent."""
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(peak[1]) * 1024 / 1e9 if peak else float("nan")


def _compacted(folder: Path) -> dict[str, float]:
    began = time.perf_counter()
    compact(Catalogue.open(folder), grace_s=0)
    return {"seconds": time.perf_counter() - began, "gb": _rss_gb()}


def _verdict(result: dict[str, object]) -> dict[str, str]:
    compacted = result["compacted"]
    assert isinstance(compacted, dict)
    lines = {}
    for name, bar in BARS.items():
        got = compacted[name]["catalogue"]
        held = got["seconds"] < bar and got["gb"] < BAR_GB
        lines[name] = (
            f"{got['seconds']:.3f} s of {bar} s, {got['gb']:.2f} GB of {BAR_GB} GB: {'held' if held else 'MISSED'}"
        )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_100_000)
    parser.add_argument("--out", type=Path, help="keep the catalogue here; left out: a temporary folder")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--ask", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--compact", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.ask:
        way, name = options.ask
        print(json.dumps({"seconds": WAYS[way](name, options.out), "gb": _rss_gb()}))
        return
    if options.compact:
        print(json.dumps(_compacted(options.out)))
        return
    with tempfile.TemporaryDirectory(prefix="longtake-bench-") as temporary:
        result = bench(options.rows, (options.out or Path(temporary)).absolute())
    verdict = _verdict(result)
    result |= {
        "verdict": verdict,
        "runs": RUNS,
        "at": now().isoformat(),
        "machine": {"cpus": os.cpu_count(), "platform": platform.platform()},
        "versions": {"longtake": tool_version(), "duckdb": duckdb.__version__, "pyarrow": pa.__version__},
    }
    for name, line in verdict.items():
        print(f"{name:26} {line}")
    text = json.dumps(result, indent=1)
    if options.json:
        options.json.write_text(text + "\n")
    else:
        print(text)


if __name__ == "__main__":
    main()
