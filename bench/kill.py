"""SIGKILL at random moments, each time run again: `python -m bench.kill [--kills 30] [--seed 0]`.

The same folder is curated once in quiet and once with the run, its workers and all, killed again and again. Then both
catalogues must hold the same rows (provenance aside), none lost, none twice, and `curate verify` must find nothing.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.measure import python, save
from engine.catalogue import Catalogue
from schemas.spec import PROVENANCE
from schemas.tables import BY_NAME

TABLES = ("videos", "aliases", "scans", "cuts", "clips", "measures", "rejects", "selections", "funnels")
NOT_COMPARED = {field.name for field in PROVENANCE} | {"seconds"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", help="a folder of videos; default: made ones")
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.folder or made(Path(scratch) / "videos")
        quiet, killed = Path(scratch) / "quiet", Path(scratch) / "killed"
        began = time.monotonic()
        subprocess.run(run_of(folder, quiet), check=True, capture_output=True)
        seconds = time.monotonic() - began
        kills = kill_often(folder, killed, arguments.kills, seconds, random.Random(arguments.seed))
        subprocess.run(run_of(folder, killed), check=True, capture_output=True)
        differing = [table for table in TABLES if rows_of(quiet, table) != rows_of(killed, table)]
        verified = subprocess.run(python("curate", "verify", "-c", killed), check=False, capture_output=True, text=True)
        counts = {table: len(rows_of(quiet, table)) for table in TABLES}
    save("kill", {"kills": kills, "seed": arguments.seed, "rows": counts, "differing": differing,
                  "verify_exit_code": verified.returncode})  # fmt: skip
    print(f"{kills} kills: {'the same rows' if not differing else f'other rows in {differing}'} as one quiet run")
    print(f"curate verify: {'nothing is wrong' if verified.returncode == 0 else verified.stdout}")
    return int(bool(differing) or verified.returncode != 0)


def run_of(folder: Path | str, catalogue: Path) -> list[str]:
    return python("curate", "run", folder, "-c", catalogue, "--recipe", "everything", "--jobs", "2")


def kill_often(folder: Path | str, catalogue: Path, times: int, seconds: float, chance: random.Random) -> int:
    """Start the run again and again and kill its whole process group after a random time; how often it was alive."""
    kills = 0
    while kills < times:
        run = subprocess.Popen(
            run_of(folder, catalogue), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        time.sleep(chance.uniform(0.2, max(1.0, seconds)))
        if run.poll() is None:
            kills += 1
            os.killpg(run.pid, signal.SIGKILL)
        run.wait()
        print(f"  kill {kills}/{times}", file=sys.stderr, end="\r")
        if run.returncode == 0 and chance.random() < 0.5:
            forget_something(catalogue, chance)
    return kills


def forget_something(catalogue: Path, chance: random.Random) -> None:
    """When all was done before the kill: take the rows of one table's part away, so that there is work to kill."""
    parts = sorted((catalogue / "scans").glob("part-*.parquet"))
    if parts:
        chance.choice(parts).unlink()


def rows_of(catalogue: Path, table: str) -> list[str]:
    """All current rows of a table as text, sorted; what differs from run to run by nature is left out."""
    columns = ", ".join(f.name for f in BY_NAME[table].schema if f.name not in NOT_COMPARED)
    with Catalogue.open(catalogue).connect() as connection:
        return sorted(map(str, connection.execute(f"select {columns} from {table}").fetchall()))


def made(folder: Path) -> Path:
    """Some dozen small videos, damaged ones and doubles among them."""
    from media.synthetic import Encoding, write  # noqa: PLC0415
    from media.synthetic.worlds import random_world  # noqa: PLC0415

    folder.mkdir()
    for seed in range(16):
        world = random_world(seed, num_scenes=3, seconds=(0.8, 1.5))
        write(world, Encoding(codec="libx264", fps=25, size=(320, 180)), folder / f"{seed:02d}.mp4")
    first = (folder / "00.mp4").read_bytes()
    (folder / "again.mp4").write_bytes(first)
    (folder / "cut_off.mp4").write_bytes(first[: len(first) // 2])
    (folder / "empty.mp4").touch()
    return folder


if __name__ == "__main__":
    sys.exit(main())
