"""Reels: raw videos in which stories stand between other scenes, with cuts and fades, and the truth about all of it.

A scan has to find the stories, a selection to leave the rest: photographs under a moving camera, pictures that stand
still, pans over nothing. Stories begin and end at hard cuts, so that a clip of one shows what its film shows.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Literal

from media.synthetic.camera import Camera
from media.synthetic.scene import Flash, Scene
from media.synthetic.stories.film import StoryFilm, story_scene
from media.synthetic.stories.story import Split, Story, make_story
from media.synthetic.texture import Texture
from media.synthetic.transition import Transition
from media.synthetic.truth import Truth
from media.synthetic.world import World
from media.synthetic.write import write

REELS_FILE = "reels.jsonl"
STORIES = 12  # of a reel, another scene behind each
PAIRED = (2, 5, 8)  # stories behind which two other scenes follow, one fading into the other
MAX_THINGS, MAX_EVENTS = 2, 2  # of a story
PLACES = tuple(Texture(kind, seed) for kind in ("natural", "city") for seed in (11, 12, 13))
CameraMove = Literal["still", "ken_burns", "pan"]


@dataclass(frozen=True)
class ReelClip:
    """One scene of a reel, [start_us, end_us) without its transitions. kind: story, still, ken_burns or pan.

    text, events: of a story's caption; empty for the other kinds.
    """

    start_us: int
    end_us: int
    kind: str
    text: str
    events: tuple[str, ...]


@dataclass(frozen=True)
class Reel:
    """A written reel: its file name, its clips in order, and the truth about its file."""

    video: str
    split: Split
    seed: int
    clips: tuple[ReelClip, ...]
    truth: Truth


def write_reels(
    folder: Path, seeds: Iterable[int], split: Split = "train", film: StoryFilm | None = None
) -> list[Reel]:
    """Writes reels and adds them to the folder's reels.jsonl; files that are there are kept."""
    film = film or StoryFilm()
    folder.mkdir(parents=True, exist_ok=True)
    known = {reel.video: reel for reel in read_reels(folder)}
    wanted = []
    for seed in seeds:
        name = f"reel_{split}_{film.size}_{seed:04}.mp4"
        if name not in known or not (folder / name).is_file():
            known[name] = _written(folder / name, seed, split, film)
        wanted.append(known[name])
    lines = "".join(json.dumps(asdict(reel)) + "\n" for _, reel in sorted(known.items()))
    part = folder / f".{REELS_FILE}.part"
    part.write_text(lines)
    part.replace(folder / REELS_FILE)
    return wanted


def read_reels(folder: Path) -> list[Reel]:
    """The reels of a folder; none where there is no reels.jsonl."""
    file = folder / REELS_FILE
    if not file.is_file():
        return []
    return [_reel(json.loads(line)) for line in file.read_text().splitlines()]


def reel_world(seed: int, split: Split = "train") -> tuple[World, tuple[Story | CameraMove, ...]]:
    """The world of a reel's seed, and what each of its scenes is: a story, or how the camera moves."""
    random = Random(f"reel {split} {seed}")
    scenes: list[Scene] = []
    kinds: list[Story | CameraMove] = []
    transitions: list[Transition] = []
    for number in range(STORIES):
        story = make_story(seed * STORIES + number, split, max_things=MAX_THINGS, max_events=MAX_EVENTS)
        scenes.append(story_scene(story))
        kinds.append(story)
        moves: list[CameraMove] = random.sample(("still", "ken_burns", "pan"), 2 if number in PAIRED else 1)
        scenes += [_other(move, random) for move in moves]
        kinds += moves
        mixed = [random.choice((Transition("dissolve", 1), Transition("fade", 1.5)))] if len(moves) > 1 else []
        transitions += [Transition(), *mixed, Transition()]
    return World(tuple(scenes), tuple(transitions[:-1])), tuple(kinds)


def _other(move: CameraMove, random: Random) -> Scene:
    """Nothing happens in it. A flash lights every third one up."""
    camera = {
        "still": Camera(),
        "ken_burns": Camera(zoom_per_s=random.choice((-0.06, 0.06))),
        "pan": Camera(pan_diag_per_s=random.choice((-0.12, 0.12))),
    }[move]
    flashes = (Flash(1.5, 0.25),) if random.random() < 1 / 3 else ()
    return Scene(random.choice(PLACES), random.choice((2, 3)), camera, flashes=flashes)


def _written(path: Path, seed: int, split: Split, film: StoryFilm) -> Reel:
    world, kinds = reel_world(seed, split)
    truth = write(world, film.encoding, path)
    clips = tuple(
        ReelClip(clip.start_us, clip.end_us, *_told(kind)) for clip, kind in zip(truth.clips, kinds, strict=True)
    )
    return Reel(path.name, split, seed, clips, truth)


def _told(kind: Story | CameraMove) -> tuple[str, str, tuple[str, ...]]:
    if isinstance(kind, Story):
        return "story", kind.caption.text, tuple(event.text for event in kind.events)
    return kind, "", ()


def _reel(row: dict) -> Reel:
    clips = tuple(ReelClip(**{**clip, "events": tuple(clip["events"])}) for clip in row["clips"])
    return Reel(row["video"], row["split"], row["seed"], clips, Truth.from_json(json.dumps(row["truth"])))
