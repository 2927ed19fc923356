"""Damaged dataset files: `python -m bench.doors_fuzz [--files 10000] [--seed 1]`.

Sound files of twelve formats, each damaged by flipped, cut, doubled and inserted bytes, are read one after another.
Nothing may raise; a sound row that the damage did not touch must come in; each file that does not come in whole must
have a reject with file and line.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path

from bench.measure import save
from curate.doors.importing import Imported, Wish, import_all
from engine.catalogue import Catalogue

ROWS = 8
ID = "BlUTkf-_GTg"
HOSTILE = (
    b'"',
    b"\x00",
    b"\xff\xfe",
    b"\n",
    b"\r",
    b"{",
    b"}",
    b"]",
    b",",
    b"\\",
    b"NaN",
    b"\\ud800",
    b"[" * 3000,
    b"9" * 5000,
)


def sound_files() -> dict[str, tuple[str, bytes]]:
    """Format -> (ending, bytes): ROWS rows each."""
    turns = [{"from": "human", "value": "<video>\nWhat?"}, {"from": "gpt", "value": "A cat."}]
    said = [{"role": "user", "content": "<video>What?"}, {"role": "assistant", "content": "A cat."}]
    items = [{"role": "user", "content": [{"type": "video", "video": {"video_file": "a.mp4"}}]}]
    scene = {"caption": {"content": "x"}}
    scenes = [{"clip_id": "s", "caption": "x", "scene_cut": [0, 5]}]
    clip = [{"clip_id": "c", "span": ["0:01", "0:02"], "scene_split": scenes}]
    rows = {
        "videochat2-it": {"video": "a.mp4", "start": 1, "end": 2, "QA": [{"i": "i", "q": "q", "a": "a"}]},
        "llava": {"video": "a.mp4", "conversations": turns}, "sharegpt": {"videos": ["a.mp4"], "conversations": turns},
        "ms-swift": {"videos": ["a.mp4"], "messages": said}, "tarsier-jsonl": {"messages": items, "dataset": "d"},
        "openai": {"messages": [{"role": "user", "content": [{"type": "video_url", "video_url": {"url": "u"}}]}]},
        "vript": {"meta": {"video_id": "v"}, "data": {"v-Scene-1": scene}},
        "questions": {"video": "a", "question": "q", "candidates": ["x", "y"], "answer": "x"},
        "hdvg": {"video_id": ID, "url": f"https://youtu.be/{ID}", "clip": clip},
    }  # fmt: skip
    files = {}
    for name, row in rows.items():
        made = [{**row, "id": n} for n in range(ROWS)]
        if name == "videochat2-it":
            files[name] = (".json", ("[" + ",\n".join(map(json.dumps, made)) + "]").encode())
        else:
            files[name] = (".jsonl", "".join(json.dumps(one) + "\n" for one in made).encode())
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["key", "url", "span", "total score", "raw_caption"])
    for n in range(ROWS):
        writer.writerow(
            [f"k{n}", f"https://youtu.be/{ID}", "['0:00:01', '0:00:09']", "21", 'a "quoted"\ncaption, long']
        )
    files["lvd2m-csv"] = (".csv", text.getvalue().encode())
    files["webvid"] = (".csv", b"videoid,contentUrl,name\n" + b"1,https://a.example/1.mp4,x\n" * ROWS)
    files["panda70m"] = (".csv", f"videoID,timestamp,caption\n{ID},\"[['0:01', '0:02']]\",\"['x']\"\n".encode())
    return files


def damaged(content: bytes, chance: random.Random) -> bytes:
    made = bytearray(content)
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(made) + 1)
        end = min(len(made), at + chance.choice((1, 1, 5, 60)))
        kind = chance.randrange(5)
        if kind == 0:
            made[at:end] = b""
        elif kind == 1:
            made[at:at] = chance.choice(HOSTILE)
        elif kind == 2:
            made[at:at] = made[at:end]
        elif kind == 3 and at < len(made):
            made[at] ^= 1 << chance.randrange(8)
        else:
            del made[max(at, 1) :]
    return bytes(made)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    chance, outcome = random.Random(arguments.seed), Counter[str]()
    files = list(sound_files().items())
    with tempfile.TemporaryDirectory() as scratch:
        for number in range(arguments.files):
            name, (suffix, content) = files[number % len(files)]
            folder = Path(scratch) / str(number // 200)
            (folder / "in").mkdir(parents=True, exist_ok=True)
            path = folder / "in" / f"{number}{suffix}"
            path.write_bytes(damaged(content, chance))
            (done,) = one_file(folder, path, name)
            outcome["whole" if not done.reasons else "with rejects"] += 1
            outcome["rejects"] += done.reasons.total()
            if not done.reasons and not any(done.rows.get(table) for table in ("requests", "samples", "ingests")):
                print(f"lost: {name} {path.read_bytes()[:300]!r}")
                outcome["lost"] += 1
    print(f"{arguments.files:,} damaged files: {outcome['whole']:,} whole, {outcome['with rejects']:,} with "
          f"{outcome['rejects']:,} rejects, {outcome['lost']} lost without one, none raised")  # fmt: skip
    save("doors_fuzz", {"files": arguments.files, **outcome})
    return 1 if outcome["lost"] else 0


def one_file(folder: Path, path: Path, name: str) -> list[Imported]:
    """The file as one of a folder, so that what cannot be recognised is a reject as well."""
    alone = folder / "alone" / path.stem
    alone.mkdir(parents=True)
    path.rename(alone / path.name)
    catalogue = Catalogue.open(folder / "catalogue", create=True)
    return list(import_all(catalogue, Wish(alone, format=name)))


if __name__ == "__main__":
    sys.exit(main())
