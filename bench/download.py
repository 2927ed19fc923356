"""Fetching over loopback, beside `curl --parallel`, and against a server that fails: `python -m bench.download`.

Throughput: 2,000 videos of 1 MB and 5 of 400 MB, each once by curl and once by us in turn, eight at once. `fetch` is
the fetching alone, hash and content check included, as the command says it; `command` is all of it: reading the list,
starting up, probing every video. Both find the same memory with each request (`bench.warm_server`);
`late` is curl again, started after as long a pause as our start-up takes: where it is as fast as curl at once, the
start-up gives and takes nothing. `--cold` measures without that memory. Ends: 10,000 urls of which 30 % fail in every
way that the test server knows; the same list once in quiet and once killed 20 times, then compared row by row, and run
once more.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.measure import median, python, save
from bench.warm_server import FOR_A_BYTE, HEAD_START
from engine.catalogue import Catalogue
from media.synthetic import Encoding, write
from media.synthetic.worlds import random_world
from schemas.ids import VideoHash

JOBS = 8
START_UP_SECONDS = 3.0
FAILING = (
    "reset", "reset_once", "too_long", "cut_off", "html", "empty", "401", "403", "404", "410", "500", "503", "limited",
    "limited_always", "busy_once", "expired", "loop", "to_file", "no_version", "changing",
)  # fmt: skip
_SAID = re.compile(r"download: ([\d,]+) fetched in ([\d.]+) s")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", type=int, default=2000, help="videos of 1 MB")
    parser.add_argument("--large", type=int, default=5, help="videos of 400 MB")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--rows", type=int, default=10_000, help="urls for the ends")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--cold", action="store_true", help="without memory held ready for whoever writes first")
    parser.add_argument("--scratch", help="a folder on the disk to measure on")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.scratch) as scratch:
        result: dict[str, object] = {"limits": limits(Path(scratch))}
        for name, count, size in (("small", arguments.small, 1 << 20), ("large", arguments.large, 400 << 20)):
            if count:
                result[name] = throughput(Path(scratch), name, count, size, arguments.runs, cold=arguments.cold)
        same = True
        if arguments.rows:
            ended = ends(Path(scratch), arguments.rows, arguments.kills)
            result["ends"], same = ended, ended["same"]
    save("download", result)
    return int(bool(arguments.rows) and not same)


def limits(scratch: Path) -> dict[str, float]:
    """MB of one core's second that hash and files cost by themselves: what fetching cannot do without."""
    block, folder = random.Random(0).randbytes(1 << 20), scratch / "limits"
    folder.mkdir()
    hashed, written = list[float](), list[float]()
    for _ in range(5):
        began = time.process_time()
        digest = VideoHash()
        for _ in range(200):
            digest.update(block)
        hashed.append(time.process_time() - began)
        began = time.process_time()
        for number in range(200):
            (folder / str(number)).write_bytes(block)
        written.append(time.process_time() - began)
    shutil.rmtree(folder)
    mb = 200 * len(block) / 1e6
    found = {"hash_mb_per_s": mb / median(hashed), "write_mb_per_s": mb / median(written)}
    print(f"limits of one core: hashing {found['hash_mb_per_s']:,.0f} MB/s, "
          f"writing files of 1 MB {found['write_mb_per_s']:,.0f} MB/s")  # fmt: skip
    return found


@dataclass(frozen=True)
class Fetching:
    """Seconds of one run; `fetch_s` is what the command says of its fetching."""

    command_s: float
    fetch_s: float
    peak_mb: float


def throughput(scratch: Path, name: str, count: int, size: int, runs: int, *, cold: bool) -> dict[str, float]:
    """Medians of all ways, in MB/s, and their ratios."""
    folder = scratch / f"{name}_files"
    make_videos(folder, count, size)
    total = sum(file.stat().st_size for file in folder.iterdir()) / 1e6
    curl, late, ours = list[Fetching](), list[Fetching](), list[Fetching]()
    with server_of(folder, 0 if cold else int(FOR_A_BYTE * total) + (HEAD_START >> 20)) as server:
        names = sorted(file.name for file in folder.iterdir())
        listed = scratch / f"{name}.txt"
        listed.write_text("".join(f"{server.url}/ok/{file}\n" for file in names), encoding="utf-8")
        for run in range(runs):
            server.take_memory()
            curl.append(by_curl(scratch / f"curl_{name}_{run}", server.url, names))
            server.take_memory()
            ours.append(by_us(scratch / f"catalogue_{name}_{run}", listed, count))
            server.take_memory()
            time.sleep(START_UP_SECONDS)
            late.append(by_curl(scratch / f"late_{name}_{run}", server.url, names))
            print(f"  {name} {run + 1}/{runs}: curl {curl[-1].command_s:.2f} s, late {late[-1].command_s:.2f} s, "
                  f"fetch {ours[-1].fetch_s:.2f} s, command {ours[-1].command_s:.2f} s", file=sys.stderr)  # fmt: skip
    shutil.rmtree(folder)
    curl_s, fetch_s = median([run.command_s for run in curl]), median([run.fetch_s for run in ours])
    late_s = median([run.command_s for run in late])
    command_s, peak = median([run.command_s for run in ours]), max(run.peak_mb for run in ours)
    print(f"{name}: {count} files of {size >> 20} MB: curl {total / curl_s:,.0f} MB/s, "
          f"late {total / late_s:,.0f} MB/s, fetch {total / fetch_s:,.0f} MB/s "
          f"({curl_s / fetch_s:.2f} x), command {total / command_s:,.0f} MB/s ({curl_s / command_s:.2f} x); "
          f"peak of the largest process {peak:.0f} MB")  # fmt: skip
    return {
        "files": count, "mb": total, "curl_mb_per_s": total / curl_s, "late_curl_mb_per_s": total / late_s,
        "fetch_mb_per_s": total / fetch_s,
        "fetch_ratio": curl_s / fetch_s, "command_ratio": curl_s / command_s, "peak_mb": peak,
    }  # fmt: skip


def make_videos(folder: Path, count: int, size: int) -> None:
    """Videos that differ and have this size: one small video, filled up by a box that players pass over."""
    folder.mkdir()
    write(random_world(0, num_scenes=1, seconds=(1, 1)), Encoding(fps=25, size=(160, 90)), folder / "first.mp4")
    video = (folder / "first.mp4").read_bytes()
    (folder / "first.mp4").unlink()
    for number in range(count):
        fill = size - len(video) - 8
        with (folder / f"{number:05d}.mp4").open("wb") as file:
            file.write(video + struct.pack(">I4s", fill + 8, b"free") + struct.pack(">Q", number))
            block = random.Random(number).randbytes(1 << 20)
            left = fill - 8
            while left:
                left -= file.write(block[: min(left, len(block))])
    os.sync()  # else the disk is busy with these while the first runs are measured


@dataclass(frozen=True)
class Served:
    """A server in a process of its own. `take_memory`: what it lets go of when the next request comes."""

    url: str
    take_memory: Callable[[], None]


@contextmanager
def server_of(folder: Path, memory_mb: int = 0) -> Iterator[Served]:
    """The test server of a folder, with so much memory in hand."""
    server = subprocess.Popen(
        python("bench.warm_server", folder, memory_mb), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    said, asks = server.stdout, server.stdin
    assert said is not None
    assert asks is not None

    def take_memory() -> None:
        if memory_mb:
            print(file=asks, flush=True)
            said.readline()

    try:
        yield Served(f"http://127.0.0.1:{int(said.readline())}", take_memory)
    finally:
        server.kill()
        server.wait()


def by_curl(out: Path, url: str, names: list[str]) -> Fetching:
    out.mkdir()
    config = out / "config"
    config.write_text(
        "".join(f'url = "{url}/ok/{name}"\noutput = "{out / name}"\n' for name in names), encoding="utf-8"
    )
    seconds, peak, _ = _timed(
        ["curl", "--silent", "--fail", "--parallel", "--parallel-max", str(JOBS), "--config", str(config)]
    )
    _emptied(out)
    return Fetching(seconds, seconds, peak)


def by_us(catalogue: Path, listed: Path, count: int) -> Fetching:
    seconds, peak, said = _timed(download_of(catalogue, listed))
    match = _SAID.search(said)
    if match is None or int(match[1].replace(",", "")) != count:
        raise RuntimeError(f"not all of {count} were fetched:\n{said}")
    _emptied(catalogue)
    return Fetching(seconds, float(match[2]), peak)


def _emptied(folder: Path) -> None:
    """What was written leaves memory before the next one begins.

    Files are not deleted before the end: for minutes ext4 passes over inodes that were, one by one, which makes new
    files dear.
    """
    for file in folder.rglob("*"):
        if file.is_file():
            os.truncate(file, 0)
    time.sleep(3)


def download_of(catalogue: Path, listed: Path) -> list[str]:
    return python("curate", "download", "-c", catalogue, "--csv", listed, "--jobs", JOBS, "--allow-private-hosts",
                  "--backoff", "0.1", "--max-attempts", 3, "--no-check", "--min-free-gb", 0)  # fmt: skip


def _timed(words: list[str]) -> tuple[float, float, str]:
    """Wall seconds, peak memory in MB, and what was said on standard error."""
    began = time.perf_counter()
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    said = process.stderr.read()
    _pid, status, usage = os.wait4(process.pid, 0)
    if code := os.waitstatus_to_exitcode(status):
        raise subprocess.CalledProcessError(code, words, stderr=said)
    return time.perf_counter() - began, usage.ru_maxrss / 1024, said


def ends(scratch: Path, rows: int, kills: int) -> dict[str, object]:
    """Whether a killed run ends every url as a quiet one does, and a second run asks for nothing."""
    folder = scratch / "videos"
    folder.mkdir()
    for seed in range(8):
        world = random_world(seed, num_scenes=1, seconds=(0.5, 1))
        write(world, Encoding(fps=25, size=(96, 64)), folder / f"{seed}.mp4")
    chance = random.Random(0)
    hows = [chance.choice(FAILING) if chance.random() < 0.3 else "ok" for _ in range(rows)]
    quiet, killed = scratch / "quiet", scratch / "killed"
    with server_of(folder) as server:
        seconds = _run_through(quiet, _list(scratch / "quiet.txt", server.url, hows, "q"))
        listed = _list(scratch / "killed.txt", server.url, hows, "k")
        for kill in range(kills):
            run = subprocess.Popen(download_of(killed, listed), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   start_new_session=True)  # fmt: skip
            time.sleep(chance.uniform(0.5, max(1.0, 1.5 * seconds / kills)))
            os.killpg(run.pid, signal.SIGKILL)
            run.wait()
            print(f"  kill {kill + 1}/{kills}", file=sys.stderr, end="\r")
        _run_through(killed, listed)
        before = attempts_of(killed)
        _run_through(killed, listed)
        after = attempts_of(killed)
    first, second = ends_of(quiet), ends_of(killed)
    same = first == second and len(first) == rows and before == after
    verified = subprocess.run(python("curate", "verify", "-c", killed), check=False, capture_output=True, text=True)
    counted = Counter(first.values())
    print(f"ends: {rows:,} urls in {seconds:.0f} s, {counted['ok']:,} fetched, {rows - counted['ok']:,} turned away; "
          f"after {kills} kills {'the same' if same else 'OTHERS'}, a second run made {after - before} attempts; "
          f"curate verify ends with {verified.returncode}")  # fmt: skip
    return {"rows": rows, "kills": kills, "seconds": seconds, "same": same and verified.returncode == 0,
            "ends": dict(counted), "attempts_of_second_run": after - before}  # fmt: skip


def _list(path: Path, url: str, hows: list[str], run: str) -> Path:
    path.write_text("".join(f"{url}/{how}/{i % 8}.mp4?{run}{i}\n" for i, how in enumerate(hows)), encoding="utf-8")
    return path


def _run_through(catalogue: Path, listed: Path) -> float:
    return _timed(download_of(catalogue, listed))[0]


def attempts_of(catalogue: Path) -> int:
    with Catalogue.open(catalogue).connect() as connection:
        return connection.execute("select count(*) from fetches").fetchall()[0][0]


def ends_of(catalogue: Path) -> dict[str, str]:
    """How each url ended, by its place in the list: ok where it is a video, else the reason of its reject."""
    with Catalogue.open(catalogue).connect() as connection:
        rows = connection.execute(
            "select video_key, 'ok' from videos union select video_key, 'ok' from aliases "
            "union all select key, reason from rejects where stage = 'download'"
        ).fetchall()
    return {re.sub(r"^.*/(\w+)/\d\.mp4\?[qk]", r"\1 ", key): end for key, end in rows}


if __name__ == "__main__":
    sys.exit(main())
