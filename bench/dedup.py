"""Near-duplicates among real clips and eight edits of each: `python -m bench.dedup [VIDEOS]`; `--scale N`: time alone.

ours   `curate dedup`: groups from signatures. A pair is found where both clips are in one group, and wrong where they
       are not one footage: the strictest way to count, for one false link between two groups of nine is 81 wrong pairs
peer   a 64-bit DCT perceptual hash a second, the mean Hamming distance of the nearest hashes, all pairs, at whatever
       distance gives its best recall at a precision of 0.98; mirrored copies are tried too

Recall is over the edits and their originals. Clips of one colour count in neither (bench/dedup_clips.py).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from bench.dedup_clips import EDITS, make
from bench.dedup_rows import planted
from bench.measure import save
from curate.dedup.search import Signatures, search
from curate.observers.signature import SignatureObserver
from media.frame import Frame
from media.stream import stream
from schemas.spans import Span

CLIPS = 200
PRECISION = 0.98
FAR = 64
CORES = len(os.sched_getaffinity(0))


@dataclass(frozen=True)
class Files:
    """All clips of the bench: the piece and the edit of each, and which pairs of pieces do not count."""

    names: list[str]
    piece: np.ndarray
    edit: list[str]
    uncounted: set[tuple[int, int]]
    blank: set[int]


class PeerHash:
    """64-bit DCT hashes, one a second: of the picture and of its mirror image."""

    def __init__(self) -> None:
        self.hashes: list[tuple[int, int]] = []
        self._next_us = 0

    def push(self, frame: Frame) -> None:
        if frame.time_us >= self._next_us:
            self.hashes.append((_phash(frame.luma), _phash(frame.luma[:, ::-1])))
            self._next_us = (frame.time_us // 1_000_000 + 1) * 1_000_000


def _phash(luma: np.ndarray) -> int:
    low = cv2.dct(cv2.resize(luma, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32))[:8, :8].ravel()
    return int.from_bytes(np.packbits(low > np.median(low[1:])).tobytes(), "big")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = Path(os.environ.get("LONGTAKE_TEST_DATA") or "../shared/data")
    parser.add_argument("videos", nargs="?", type=Path, default=data / "videos")
    parser.add_argument("--clips", type=Path, help="folder to keep the clips in; default: one that is removed")
    parser.add_argument("--scale", type=int, help="only the time and memory for a made table of so many clips")
    arguments = parser.parse_args()
    if arguments.scale:
        save("dedup_scale", scale(arguments.scale))
        return
    with tempfile.TemporaryDirectory() as folder:
        save("dedup", compare(arguments.videos, arguments.clips or Path(folder) / "clips", Path(folder)))


def compare(videos: Path, clips: Path, folder: Path) -> dict[str, object]:
    files = files_of(json.loads(make(videos, clips, CLIPS).read_text()))
    print(f"{len(files.names)} clips; signatures …", file=sys.stderr, flush=True)
    signatures, hashes = signed(clips, files.names, folder)
    began = time.perf_counter()
    group = search(signatures, CORES, _say()).group
    seconds = time.perf_counter() - began
    ours = counted(files, group[:, None] == group[None, :])
    peer, distance = best_peer(files, hashes)
    halves = [counted(files, group[:, None] == group[None, :], of) for of in (0, 1)]
    print(f"ours: recall {ours['recall']:.3f}, precision {ours['precision']:.3f}, {seconds:.0f} s on {CORES} cores")
    print(
        "      " + ", ".join(f"{half['recall']:.3f} and {half['precision']:.3f}" for half in halves) + " of each half"
    )
    print(f"peer: recall {peer['recall']:.3f}, precision {peer['precision']:.3f}, at a distance of {distance:.1f} bits")
    for edit in EDITS:
        print(f"  {edit.name:18} ours {ours['by_edit'][edit.name]:.3f}  peer {peer['by_edit'][edit.name]:.3f}")
    return {"clips": len(files.names), "ours": ours, "ours_halves": halves, "seconds": seconds, "peer": peer}


def files_of(truth: dict) -> Files:
    names, piece, edit = [], [], []
    for number, one in enumerate(truth["pieces"]):
        for name, file in one["files"].items():
            names.append(file)
            piece.append(number)
            edit.append(name)
    blank = {number for number, one in enumerate(truth["pieces"]) if one["is_blank"]}
    return Files(names, np.array(piece), edit, {(a, b) for a, b in truth["uncounted"]}, blank)


def signed(clips: Path, names: Sequence[str], folder: Path) -> tuple[Signatures, list[np.ndarray]]:
    """The signatures of all clips, and the peer's hashes, uint64 [seconds, 2], from one decoding."""
    lengths, hashes = [], []
    with (folder / "values.i8").open("wb") as values, (folder / "seconds.f4").open("wb") as seconds:
        for name in names:
            observer, peer = SignatureObserver(), PeerHash()
            with stream(clips / name, max_side=256, loop_filter="referenced") as frames:
                for frame in frames:
                    observer.push(frame)
                    peer.push(frame)
                end_us = frames.report.end_us
            row = observer.measure(Span(0, end_us))
            assert isinstance(row["signature"], bytes) and isinstance(row["signature_us"], list)
            values.write(row["signature"])
            seconds.write((np.array(row["signature_us"]) / 1e6).astype(np.float32).tobytes())
            lengths.append(len(row["signature_us"]))
            hashes.append(np.array(peer.hashes, np.uint64))
    return Signatures(folder, np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)), hashes


def counted(files: Files, same: np.ndarray, half: int | None = None) -> dict:
    """Recall of the edits and precision of all pairs; `half`: only the first or the second half of the pieces."""
    pieces = np.array(sorted(set(files.piece.tolist()) - files.blank))
    pieces = pieces if half is None else np.array_split(pieces, 2)[half]
    chosen = np.flatnonzero(np.isin(files.piece, pieces))
    owner, found = files.piece[chosen], same[np.ix_(chosen, chosen)]
    upper = np.triu(found, 1)
    true = int((upper & (owner[:, None] == owner)).sum())
    counts = np.ones((int(owner.max()) + 1,) * 2, bool)
    for one, other in files.uncounted:
        if max(one, other) < len(counts):
            counts[one, other] = counts[other, one] = False
    wrong = int((upper & (owner[:, None] != owner) & counts[owner[:, None], owner]).sum())
    by_edit = defaultdict(list)
    original = {files.piece[place]: place for place in chosen if files.edit[place] == "original"}
    for place in chosen:
        if files.edit[place] != "original":
            by_edit[files.edit[place]].append(bool(same[place, original[files.piece[place]]]))
    recalls = {edit: float(np.mean(hits)) for edit, hits in by_edit.items()}
    hits = [hit for some in by_edit.values() for hit in some]
    return {"recall": float(np.mean(hits)), "precision": true / max(1, true + wrong), "by_edit": recalls}


def best_peer(files: Files, hashes: Sequence[np.ndarray]) -> tuple[dict, float]:
    """The peer at the distance with the most recall among those that keep the precision, or the most precise one."""
    distance = distances(hashes)
    found = [(counted(files, distance <= bits), bits) for bits in np.arange(0, 20.5, 0.5)]
    precise = [one for one in found if one[0]["precision"] >= PRECISION]
    return (
        max(precise, key=lambda one: one[0]["recall"]) if precise else max(found, key=lambda one: one[0]["precision"])
    )


def distances(hashes: Sequence[np.ndarray]) -> np.ndarray:
    """Mean Hamming distance of each hash of the shorter clip to the nearest of the other, float32 [C, C]."""
    count, longest = len(hashes), max(map(len, hashes))
    padded = np.zeros((count, longest, 2), np.uint64)
    there = np.zeros((count, longest), bool)
    for clip, own in enumerate(hashes):
        padded[clip, : len(own)], there[clip, : len(own)] = own, True
    distance = np.empty((count, count), np.float32)
    for clip, own in enumerate(hashes):
        sides = []
        for side in (0, 1):
            bits = np.bitwise_count(own[:, side][None, :, None] ^ padded[:, None, :, 0]).astype(np.float32)
            sides.append(np.where(there[:, None, :], bits, FAR).min(axis=2).mean(axis=1))
        distance[clip] = np.minimum(*sides)
    return np.minimum(distance, distance.T)


def scale(num_clips: int) -> dict[str, object]:
    """Time and memory of the search over a made table, and how many of the planted copies it finds."""
    with tempfile.TemporaryDirectory() as folder:
        signatures, copies = planted(num_clips, Path(folder))
        gigabytes = signatures.values.nbytes / 1e9
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        began = time.perf_counter()
        group = search(signatures, CORES, _say()).group
        minutes = (time.perf_counter() - began) / 60
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    found = float((group[copies[:, 0]] == group[copies[:, 1]]).mean())
    extra = int((group != np.arange(num_clips)).sum())
    print(
        f"{num_clips:,} clips ({gigabytes:.1f} GB of signatures): {minutes:.1f} minutes on {CORES} cores, "
        f"peak {memory:.1f} GB (before the search {before:.1f}); {found:.4f} of {len(copies):,} planted copies found, "
        f"{extra - round(found * len(copies)):,} other clips joined"
    )
    return {"clips": num_clips, "minutes": minutes, "peak_gb": memory, "planted": len(copies), "found": found}


def _say():
    last = [time.monotonic()]

    def say(what: str, done: int, total: int) -> None:
        if time.monotonic() - last[0] > 15:
            last[0] = time.monotonic()
            print(f"  {what} {done:,}/{total:,}", file=sys.stderr, flush=True)

    return say


if __name__ == "__main__":
    main()
