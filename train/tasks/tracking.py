"""Where things are in later frames, by boxes: a task of Tarsier's pre-training.

As in the released parser: at most four things, annotated frames chosen at random, boxes as [x1, y1, x2, y2] in shares
of the picture's width and height with two digits, those of the first frame given.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import duckdb
import numpy as np

from engine.query import one_line
from engine.views import quoted
from train.tasks.clip_frames import ClipFrames
from train.tasks.rule import Messages, Row, SampleRule, Unfit, asked, random_of

MOST_THINGS = 4
COLUMNS = ("clip_id", "object", "time_us", "x1", "y1", "x2", "y2")
GONE = "not to be seen"
Box = tuple[float, float, float, float]
Track = Mapping[int, Box]
"""Boxes of one thing by time in microseconds on the source video's timeline."""
READERS = {".csv": "read_csv", ".parquet": "read_parquet", ".jsonl": "read_json", ".json": "read_json"}


def read_tracks(path: Path) -> dict[str, dict[str, dict[int, Box]]]:
    """clip_id -> object -> time -> box, of a Parquet, CSV or JSONL file with `COLUMNS`.

    Raises ValueError: another file, or boxes that are none.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None or not path.is_file():
        raise ValueError(f"tracks must be a file of {', '.join(READERS)}, got {path}.")
    casts = {"clip_id": "varchar", "object": "varchar", "time_us": "bigint"}
    columns = ", ".join(f"cast({name} as {casts.get(name, 'double')})" for name in COLUMNS)
    try:
        with duckdb.connect() as connection:
            rows = connection.execute(f"select {columns} from {reader}({quoted(str(path))}) order by all").fetchall()
    except duckdb.Error as error:
        raise ValueError(f"{path} must have the columns {', '.join(COLUMNS)}: {one_line(error)}") from error
    found: dict[str, dict[str, dict[int, Box]]] = {}
    for clip_id, thing, time, x1, y1, x2, y2 in rows:
        if None in (clip_id, thing, time, x1, y1, x2, y2) or not (0 <= x1 < x2 <= 1 and 0 <= y1 < y2 <= 1):
            raise ValueError(
                f"{path}: a box must be 0 <= x1 < x2 <= 1 and 0 <= y1 < y2 <= 1 in shares of the picture, got "
                f"{x1}, {y1}, {x2}, {y2} of {thing!r} in clip {clip_id!r}."
            )
        found.setdefault(clip_id, {}).setdefault(thing, {})[time] = (x1, y1, x2, y2)
    return found


def tracking(row: Row, rule: SampleRule, clip: ClipFrames, tracks: Mapping[str, Track]) -> Messages:
    """Things that are there in the first chosen frame, and where they are in the others. Raises Unfit."""
    if not tracks:
        raise Unfit("no_tracks", "the table of tracks has no box in this clip.")
    random = random_of(row, rule)
    at = _annotated(clip, tracks)
    if len(at) < 2:
        raise Unfit("too_few_frames", f"a track needs boxes in two frames of the clip, there are {len(at)}.")
    places = sorted(random.sample(sorted(at), min(rule.n_frames, len(at))))
    things = [thing for thing in sorted(tracks) if _box(tracks[thing], at[places[0]])]
    things = sorted(random.sample(things, min(MOST_THINGS, len(things))))
    if not things:
        raise Unfit("no_tracks", "nothing has a box in the first chosen frame.")
    first = "\n".join(f"object {n}: {_text(tracks[thing], at[places[0]])}" for n, thing in enumerate(things, 1))
    prompt = (
        "Boxes are [x1, y1, x2, y2] in shares of the picture's width and height. In the first frame:\n"
        f"{first}\nWhere is each object in the frames that follow?"
    )
    answer = "\n".join(
        f"object {n}: " + ", ".join(_text(tracks[thing], at[place]) for place in places[1:])
        for n, thing in enumerate(things, 1)
    )
    return asked([clip.item(places)], prompt, answer)


def _annotated(clip: ClipFrames, tracks: Mapping[str, Track]) -> dict[int, list[int]]:
    """Times of boxes by the frame that is on the screen then."""
    found: dict[int, list[int]] = {}
    end = clip.times_us[-1] + (np.diff(clip.times_us).max() if len(clip) > 1 else 1)
    for time in sorted({time for track in tracks.values() for time in track}):
        if clip.times_us[0] <= time < end:
            found.setdefault(int(np.searchsorted(clip.times_us, time, side="right")) - 1, []).append(time)
    return found


def _box(track: Track, times: list[int]) -> Box | None:
    return next((track[time] for time in times if time in track), None)


def _text(track: Track, times: list[int]) -> str:
    box = _box(track, times)
    return f"[{', '.join(f'{edge:.2f}' for edge in box)}]" if box else GONE
