"""A folder of films with what each tells, one JSON line a film."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from media.synthetic.stories.film import StoryFilm, event_spans_us, write_story
from media.synthetic.stories.story import MAX_EVENTS, MAX_THINGS, Split, make_story

STORIES_FILE = "stories.jsonl"


@dataclass(frozen=True)
class ToldStory:
    """One line of stories.jsonl.

    video: file name. text: the caption. events: texts in order of time. event_spans_us: when each happens, half-open.
    """

    video: str
    split: Split
    seed: int
    text: str
    events: tuple[str, ...]
    event_spans_us: tuple[tuple[int, int], ...]


def write_stories(
    folder: Path,
    seeds: Iterable[int],
    split: Split = "train",
    film: StoryFilm | None = None,
    *,
    max_things: int = MAX_THINGS,
    max_events: int = MAX_EVENTS,
    max_rest_s: float = 0.0,
) -> list[ToldStory]:
    """Writes the films of these seeds and adds them to the folder's stories.jsonl; films that are there are kept.

    max_things, max_events, max_rest_s: as `make_story` has them.
    """
    film = film or StoryFilm()
    film.encoding  # noqa: B018  (checks the size before anything is written)
    folder.mkdir(parents=True, exist_ok=True)
    known = {told.video: told for told in read_stories(folder)}
    wanted = []
    for seed in seeds:
        name = f"{split}_{film.size}{'_rests' if max_rest_s else ''}_{seed:06}.mp4"
        story = make_story(seed, split, max_things=max_things, max_events=max_events, max_rest_s=max_rest_s)
        told = ToldStory(
            name, split, seed, story.caption.text, tuple(e.text for e in story.events), event_spans_us(story)
        )
        if known.get(name) != told or not (folder / name).is_file():
            write_story(story, folder / name, film)
        known[name] = told
        wanted.append(told)
    lines = "".join(json.dumps(vars(told)) + "\n" for _, told in sorted(known.items()))
    part = folder / f".{STORIES_FILE}.part"
    part.write_text(lines)
    part.replace(folder / STORIES_FILE)
    return wanted


def read_stories(folder: Path) -> list[ToldStory]:
    """What the films of a folder tell; nothing where there is no stories.jsonl."""
    file = folder / STORIES_FILE
    if not file.is_file():
        return []
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    return [
        ToldStory(**{**row, "events": tuple(row["events"]), "event_spans_us": tuple(map(tuple, row["event_spans_us"]))})
        for row in rows
    ]
