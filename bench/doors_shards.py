"""Many small clips as WebDataset shards beside plain `tar`: `python -m bench.doors_shards [--clips 20000] [--runs 3]`.

Each clip is a file of its own of about 20 KB, with a text. `tar` packs the same files: media, texts and JSON, as
`curate export --format files` writes them. The rate does not depend on the number of clips, which stands beside it.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.measure import cost_of, in_turns, save, seconds_of
from engine.catalogue import Catalogue, now
from engine.write import write
from schemas.ids import clip_id_of, content_id

_OURS = (
    "from pathlib import Path; from curate.doors.exporting import Order, export; "
    "from engine.catalogue import Catalogue; "
    "done = export(Catalogue.open('%s'), Order('%s', Path('%s')), lambda lost, rows: None); "
    "assert done.rows == %d and not done.failed and not done.absent, done"
)
US = 2_000_000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=20_000)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        catalogue, plain, shards, packed = (folder / name for name in ("catalogue", "plain", "shards", "plain.tar"))
        make_catalogue(catalogue, folder / "media", arguments.clips)
        cost_of([sys.executable, "-c", _OURS % (catalogue, "files", plain, arguments.clips)])

        def ours():
            shutil.rmtree(shards, ignore_errors=True)
            settled(folder / "media")
            return cost_of([sys.executable, "-c", _OURS % (catalogue, "webdataset", shards, arguments.clips)])

        def tar():
            packed.unlink(missing_ok=True)
            settled(plain)
            return cost_of(["tar", "-cf", str(packed), "-C", str(plain), "."])

        costs = in_turns({"tar": tar, "ours": ours}, arguments.runs)
        size = sum(shard.stat().st_size for shard in shards.glob("*.tar"))
    ratio = seconds_of(costs["tar"]) / seconds_of(costs["ours"])
    print(f"{arguments.clips:,} clips, {size / 1e9:.2f} GB: tar {seconds_of(costs['tar']):.2f} s, "
          f"ours {seconds_of(costs['ours']):.2f} s with start-up and queries, {ratio:.2f} x its speed")  # fmt: skip
    save("doors_shards", {
        "clips": arguments.clips, "bytes": size, "tar_s": seconds_of(costs["tar"]), "ours_s": seconds_of(costs["ours"]),
        "ratio": ratio,
    })  # fmt: skip
    return 0


def settled(folder: Path) -> None:
    """What the run before wrote is on the disk, and what the next one reads is in memory."""
    os.sync()
    for path in folder.iterdir():
        path.read_bytes()


def make_catalogue(path: Path, media: Path, clips: int) -> None:
    """A catalogue of videos that are one clip each, with a given text; the files hold random bytes."""
    chance = random.Random(1)
    media.mkdir()
    stamp = {"fingerprint": "bench", "tool_version": "bench", "created_at": now()}
    tables: dict[str, list[dict[str, Any]]] = {name: [] for name in ("videos", "scans", "clips", "captions")}
    for number in range(clips):
        file, video = media / f"{number}.mp4", content_id(number)
        file.write_bytes(chance.randbytes(chance.randint(15_000, 25_000)))
        clip = clip_id_of(video, 0, US)
        tables["videos"].append(stamp | {
            "video_id": video, "video_key": file.name, "uri": str(file), "source_stamp": "", "bytes": 1,
            "container": "mp4", "codec": "h264", "width": 1, "height": 1,
            "display_width": 1, "display_height": 1, "rotation": 0,
            "is_vfr": False, "duration_us": US, "num_frames": 60, "has_audio": False, "start_us": 0,
        })  # fmt: skip
        tables["scans"].append(stamp | {
            "video_id": video, "num_frames_decoded": 60, "duration_us": US, "num_cuts": 0, "num_clips": 1, "seconds": 0,
            "detector": "none"})  # fmt: skip
        tables["clips"].append(stamp | {
            "clip_id": clip, "video_id": video, "start_us": 0, "end_us": US, "num_frames": 60, "origin": "detected"
        })  # fmt: skip
        tables["captions"].append(stamp | {
            "caption_id": clip, "clip_id": clip, "kind": "given", "text": "words " * 40, "model": "bench"
        })  # fmt: skip
    write(Catalogue.open(path, create=True), tables, stage="bench")


if __name__ == "__main__":
    sys.exit(main())
