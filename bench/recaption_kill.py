"""SIGKILL at random moments over four shards: `python -m bench.recaption_kill [--kills 30] [--seed 0]`.

The clips are captioned once in quiet, and once with a random shard of four started and killed again and again, its
workers and all, with none, one or two of them; at last by three shards, so that the count changes too. The texts come
from a server on this machine that answers the same request always alike, fails one call in ten, and says the same about
one clip in eight. Captions and rejects must be equal, and no caption may be there twice.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from hashlib import blake2b
from pathlib import Path
from typing import Any

from bench.kill import NOT_COMPARED
from bench.measure import python, save
from bench.recaption_clips import add_video, sentence
from engine.catalogue import Catalogue
from media.synthetic import Encoding, Scene, World, named_texture, write
from schemas.tables import BY_NAME

SHARDS, LAST_SHARDS, CLIPS, VIDEOS = 4, 3, 120, 4
CALL_SECONDS, LONGEST_SECONDS = 0.2, 14.0
SAME = "A screen of one dark colour is there for the whole time, and nothing at all can be seen on it."


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    from tests.model.server import serving  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as scratch, serving(answer) as server:
        quiet, killed = Path(scratch) / "quiet", Path(scratch) / "killed"
        for number in range(VIDEOS):
            video = made(Path(scratch) / f"{number}.mp4", number)
            for folder in (quiet, killed):
                per = CLIPS // VIDEOS
                add_video(Catalogue.open(folder, create=True), video, [(i / 4, i / 4 + 2) for i in range(per)])
        finish(quiet, server.url, 1)
        kills = 0
        while kills < arguments.kills:
            kills += killed_once(killed, server.url, chance)
            print(f"  kill {kills}/{arguments.kills}", file=sys.stderr, end="\r")
        at_kill = number_of(killed, "history.captions")
        finish(killed, server.url, LAST_SHARDS)
        same = rows_of(quiet) == rows_of(killed)
        same_rejects = rejects_of(quiet) == rejects_of(killed)
        twice = doubles(killed)
        count, near = number_of(killed, "history.captions"), len(rejects_of(killed))
    save("recaption_kill", {"kills": kills, "rows": count, "rows_before_the_end": at_kill, "same": same,
                            "near_duplicates": near, "same_rejects": same_rejects, "twice": twice})  # fmt: skip
    print(f"{kills} kills over {SHARDS} shards, {at_kill} of {count} rows written by killed runs: "
          f"{'the same rows' if same else 'OTHER rows'} as one quiet run, {twice} rows twice; {near} near-duplicates "
          f"turned away, {'the same ones' if same_rejects else 'OTHER ones'}")  # fmt: skip
    return int(not same or not same_rejects or twice > 0)


def answer(body: dict[str, Any], number: int) -> tuple[int, dict[str, str], str]:
    """The same request has the same answer; its first call fails once in ten."""
    from tests.model.server import good  # noqa: PLC0415

    key = int.from_bytes(blake2b(json.dumps(body).encode(), digest_size=6).digest(), "big")
    if number == 0 and key % 10 == 0:
        return 503, {"retry-after": "0"}, ""
    time.sleep(CALL_SECONDS)
    if key % 8 == 1:
        return good(SAME)
    return good(sentence(key))


def made(path: Path, number: int) -> Path:
    """12 s of pictures that change four times a second, so that no two clips look alike and no two texts are."""
    scenes = tuple(Scene(named_texture(f"natural:{48 * number + i}"), Fraction(1, 4)) for i in range(48))
    write(World(scenes), Encoding(codec="libx264", fps=12, size=(96, 64)), path)
    return path


def command(catalogue: Path, url: str, shard: str, workers: int = 1) -> list[str]:
    return python(
        "recaption", "run", "-c", catalogue, "--model", "served", "--engine", "openai", "--base-url", url,
        "--frames", 4, "--rows", 4, "--workers", workers, "--shard", shard,
    )  # fmt: skip


def finish(catalogue: Path, url: str, shards: int) -> None:
    for index in range(shards):
        subprocess.run(command(catalogue, url, f"{index}/{shards}"), check=True, capture_output=True)


def killed_once(catalogue: Path, url: str, chance: random.Random) -> int:
    """1 if the run was alive when it was killed."""
    shard = f"{chance.randrange(SHARDS)}/{SHARDS}"
    words = command(catalogue, url, shard, chance.randrange(3))
    run = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + chance.uniform(1.0, LONGEST_SECONDS)
    while time.monotonic() < deadline and run.poll() is None:
        time.sleep(0.02)
    alive = run.poll() is None
    if alive:
        os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    if not alive and chance.random() < 0.7:
        forget_a_part(catalogue, chance)
    return int(alive)


def forget_a_part(catalogue: Path, chance: random.Random) -> None:
    """The shard was done before the kill: take a part away, so that there is work to kill."""
    parts = sorted((catalogue / "captions").glob("part-*.parquet"))
    if parts:
        chance.choice(parts).unlink()


def rows_of(catalogue: Path) -> list[str]:
    """All captions as text, what differs by nature left out."""
    columns = ", ".join(f.name for f in BY_NAME["captions"].schema if f.name not in NOT_COMPARED)
    return asked(catalogue, f"select {columns} from captions order by caption_id")


def rejects_of(catalogue: Path) -> list[str]:
    """What is turned away, and why. The details may name another try."""
    return asked(catalogue, "select stage, key, reason from rejects order by all")


def number_of(catalogue: Path, table: str) -> int:
    return len(asked(catalogue, f"select 1 from {table}"))


def doubles(catalogue: Path) -> int:
    sql = "select caption_id from history.captions group by caption_id having count(*) > 1"
    return len(asked(catalogue, sql))


def asked(catalogue: Path, sql: str) -> list[str]:
    with Catalogue.open(catalogue).connect() as connection:
        return [str(row) for row in connection.execute(sql).fetchall()]


if __name__ == "__main__":
    sys.exit(main())
