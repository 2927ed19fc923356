"""Damaged dataset files: `python -m bench.doors_fuzz [--files 10000] [--seed 1]`.

Sound files of every format, in every kind of file, of which each row says its own name in all its texts. One to three
rows are damaged by flipped, cut, doubled and inserted bytes; a quarter of the files are gzipped, and some of those cut
short. What must hold, seen in the Parquet files themselves:

* nothing raises;
* every row that was not damaged is in the catalogue, or is named within one that is (an open quote took it in);
* every damaged row is there too, or has a reject on a line on which it stands;
* of jsonl, where a line is a row whatever the damage, each line is kept, says what another one says, or has one reject;
* of files that are no text (Parquet, tar, gzip) rows are missing only where a reject says so.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from bench.fuzz_files import ROWS, Sound, mark, sound_files
from bench.measure import save
from curate.doors.importing import Wish, import_all
from engine.catalogue import Catalogue

HOSTILE = (b'"', b"\x00", b"\xff\xfe", b"\n", b"\r", b"\r\n", b"{", b"}", b"]", b",", b"\\", b"NaN", b"\\ud800",
           b"null", b"[" * 3000, b"9" * 5000, b'","', b"},{", b"\xf0\x9f\x98\x80", b"'")  # fmt: skip
TABLES = ("requests", "captions", "samples", "origins")


def damaged(content: bytes, chance: random.Random) -> bytes:
    made = bytearray(content)
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


class Case:
    """One damaged file. `lines[n]`: the lines, from 1, on which bytes of row n stand. `touched`: damaged rows."""

    def __init__(self, sound: Sound, chance: random.Random) -> None:
        self.sound = sound
        self.touched = set[int]()
        self.lines = list[range]()
        if sound.rows is None:
            self.content = damaged(sound.whole, chance)
        else:
            self.touched = {chance.randrange(ROWS) for _ in range(chance.randint(1, 3))}
            rows = [damaged(row, chance) if n in self.touched else row for n, row in enumerate(sound.rows)]
            self.content, line = sound.head, 1 + sound.head.count(b"\n")
            for row in rows:
                breaks = row.count(b"\n")
                self.lines.append(range(line, line + breaks + (not row.endswith(b"\n"))))
                line += breaks
                self.content += row
            self.content += sound.tail
        self.is_packed = sound.suffix not in (".parquet", ".tar") and chance.random() < 0.25
        self.is_cut = self.is_packed and chance.random() < 0.3
        self.cut_at = chance.random()

    def write(self, folder: Path) -> Path:
        content = self.content
        if self.is_packed:
            content = gzip.compress(content, mtime=0)
            content = content[: int(len(content) * self.cut_at)] if self.is_cut else content
        path = folder / f"file{self.sound.suffix}{'.gz' if self.is_packed else ''}"
        path.write_bytes(content)
        return path


def wrongs(case: Case, catalogue: Path, path: Path) -> Iterator[str]:
    """What does not hold."""
    kept, own_lines = _kept(catalogue)
    lines = Counter(_lines_of_rejects(catalogue, path))
    missing = {n for n in range(ROWS) if mark(n) not in kept}
    if case.sound.rows is None or case.is_cut:
        if missing and not lines:
            yield f"rows {sorted(missing)} are missing, and there is no reject"
        return
    for n in sorted(missing):
        if any(line in lines for line in case.lines[n]):
            continue
        if n not in case.touched:
            yield f"row {n} was not damaged and is lost; rejects on {sorted(lines)}, it stands on {case.lines[n]}"
        elif case.lines[n] and not own_lines & set(case.lines[n]) and not _is_joined(case, n, missing):
            yield f"row {n} is lost without a reject on {case.lines[n]}; rejects on {sorted(lines)}"
    if case.sound.suffix == ".jsonl":
        there = {n: line for n, line in enumerate(case.content.split(b"\n"), start=1) if line.strip()}
        said = own_lines | set(lines)
        for n in sorted(set(there) ^ said):
            if n not in there or not _says_nothing_new(there[n], kept):
                yield f"line {n} is neither kept nor a reject, or does not exist"
        both = own_lines & set(lines)
        if both and case.sound.format != "hdvg":  # a line of HD-VG is a video, of which one clip may be sound
            yield f"lines {sorted(both)} are kept and rejects"


def _says_nothing_new(line: bytes, kept: str) -> bool:
    """Whether a line of JSON asks for what another line asks for, and all its texts are there."""
    try:
        texts = list(_leaves(json.loads(line)))
    except ValueError:
        return False
    return all(repr(text)[1:-1] in kept for text in texts)


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for one in value if isinstance(value, list) else value.values():
            yield from _leaves(one)


def _is_joined(case: Case, row: int, missing: set[int]) -> bool:
    """Whether damage joined a row to the next one, which is there."""
    after = row + 1
    while after < ROWS and set(case.lines[after]) & set(case.lines[row]):
        if after not in missing:
            return True
        after += 1
    return False


def _kept(catalogue: Path) -> tuple[str, set[int]]:
    """All that stands in the tables of a catalogue as one text, and the source rows."""
    texts, lines = list[str](), set[int]()
    for table in TABLES:
        for part in (catalogue / table).glob("part-*.parquet"):
            for row in pq.read_table(part).to_pylist():
                texts.append(repr(row))
                lines.add(row.get("source_row", 0))
    return "\n".join(texts), lines - {0}


def _lines_of_rejects(catalogue: Path, path: Path) -> Iterator[int]:
    for part in (catalogue / "rejects").glob("part-*.parquet"):
        for row in pq.read_table(part, columns=["key", "detail"]).to_pylist():
            file, _, line = row["key"].partition("#")[0].rpartition(":")
            assert file == str(path) and f"{path}, line {line}: " in row["detail"], row
            yield int(line)


def one(case: Case, folder: Path) -> tuple[list[str], int]:
    """What does not hold of one file, and how many rejects it has."""
    folder.mkdir()
    (folder / "in").mkdir()
    path = case.write(folder / "in")
    # of a folder, so that what cannot be recognised is a reject as well
    (done,) = import_all(Catalogue.open(folder / "catalogue", create=True), Wish(folder / "in", case.sound.format))
    found = list(wrongs(case, folder / "catalogue", path.resolve()))
    shutil.rmtree(folder)
    return found, done.reasons.total()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first file; with --files 1 it alone")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    files, outcome = sound_files(), Counter[str]()
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as scratch:
        numbers = range(arguments.first, arguments.first + arguments.files)
        for number in numbers:
            case = Case(files[number % len(files)], random.Random(f"{arguments.seed}.{number}"))
            found, rejects = one(case, Path(scratch) / str(number))
            outcome["with rejects" if rejects else "whole"] += 1
            outcome["rejects"] += rejects
            outcome["wrong"] += bool(found)
            for what in found:
                print(
                    f"{number} ({case.sound.format}{case.sound.suffix}): {what}\n  {case.content[:1500]!r}", flush=True
                )
    print(f"{len(numbers):,} damaged files of {len(files)} kinds: {outcome['whole']:,} whole, "
          f"{outcome['with rejects']:,} with {outcome['rejects']:,} rejects, {outcome['wrong']} from which a row is "
          "lost, none raised")  # fmt: skip
    save("doors_fuzz", {"files": len(numbers), "kinds": len(files), "wrong": 0, **outcome})
    return 1 if outcome["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
