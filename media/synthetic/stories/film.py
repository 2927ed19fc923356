"""A story as pixels: the stage's places become positions, its events motion, and a camera moves over it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from media.synthetic.camera import Camera, CameraPath, Pose
from media.synthetic.encoding import Encoding
from media.synthetic.scene import Scene
from media.synthetic.shape import Shape
from media.synthetic.stories.grammar import Event, Thing
from media.synthetic.stories.story import SIDE, Place, Stage, Story
from media.synthetic.texture import Image, Texture
from media.synthetic.write import write_frames

STEP_DIAG = 1 / SIDE / math.sqrt(2)  # from one place to the next in a square picture
FAR = 0.75  # scale of the picture where the camera is far
MIDDLE = (SIDE - 1) / 2
GROWTH = 1.5
REST_S = 0.2  # at the start and at the end of each event's second
GONE = (100.0, 100.0)
SIZES = {"circle": 0.25, "square": 0.22, "triangle": 0.3, "diamond": 0.27, "bar": 0.31}
# A floor of tiles, four a place: where it moves or grows the camera does, and not the things.
BACKDROPS = (
    Texture("tiles", 1, (110, 110, 110)),
    Texture("tiles", 2, (110, 115, 130)),
    Texture("tiles", 3, (90, 90, 90)),
    Texture("tiles", 4, (125, 118, 110)),
    Texture("tiles", 5, (95, 105, 95)),
    Texture("tiles", 6, (120, 120, 125)),
)


@dataclass(frozen=True)
class StoryFilm:
    """How a story becomes a file. size: side of the square picture in pixels. fps: frames a second.

    Four a second show each event and keep the longest story at 16 frames, all of which a captioner sees.
    """

    size: int = 56
    fps: int = 4
    crf: int = 18

    @property
    def encoding(self) -> Encoding:
        # x264's macroblock tree reads beyond pictures of this size: one film in twenty was another file each time
        steady = (("x264-params", "mbtree=0"),)
        return Encoding(fps=self.fps, size=(self.size, self.size), crf=self.crf, options=steady)


@dataclass(frozen=True)
class StagedShape(Shape):
    """A shape that follows keys (seconds, x, y, scale), linear between them, and is there in [shown_s)."""

    keys: tuple[tuple[float, float, float, float], ...] = ()
    shown_s: tuple[float, float] = (-math.inf, math.inf)

    def pose(self, seconds: float, camera: Pose) -> Pose:
        """Where it lies on the screen; far outside while it is not there."""
        if not self.shown_s[0] <= seconds < self.shown_s[1]:
            return Pose(1 + 0j, complex(*GONE))
        _, x, y, scale = _between(self.keys, seconds)
        return Pose(complex(scale), complex(x, y)).then(camera)


def write_story(story: Story, path: Path, film: StoryFilm | None = None) -> list[int]:
    """Encodes the story's film to `path` (.mp4); returns each frame's time in microseconds."""
    film = film or StoryFilm()
    return write_frames(story_frames(story, film), film.encoding, path)


def story_frames(story: Story, film: StoryFilm | None = None) -> Iterator[Image]:
    """Every frame of the film: uint8 [size, size, 3] RGB."""
    film = film or StoryFilm()
    scene = story_scene(story)
    for index in range(round(story.starts_s[-1] * film.fps)):
        yield scene.frame(Fraction(index, film.fps), film.size, film.size)


def event_spans_us(story: Story) -> tuple[tuple[int, int], ...]:
    """When each event happens, half-open: its own second."""
    starts = [round(start * 1_000_000) for start in story.starts_s[: len(story.events)]]
    return tuple((start, start + 1_000_000) for start in starts)


def story_scene(story: Story) -> Scene:
    """The scene that shows the story, one second an event beside its rests; without events it is one second of
    stillness."""
    zoom = 1.0 if story.zoomed_in else FAR
    stage = Stage(
        dict(story.places), {t for t, _ in story.places} - story.hidden, set(story.hidden), set(story.large),
        story.zoomed_in,
    )  # fmt: skip
    tracks = {thing: [_key(0, stage, thing, zoom)] for thing, _ in story.places}
    shown = {thing: [math.inf if thing in story.hidden else -math.inf, math.inf] for thing in tracks}
    legs: list[tuple[float, Camera]] = []
    ended = 0.0
    for start, event in zip(story.starts_s, story.events, strict=False):
        legs += [
            (start - ended + REST_S, Camera()),
            (1 - 2 * REST_S, _camera(event, stage.zoomed_in)),
            (REST_S, Camera()),
        ]
        ended = start + 1
        for thing, keys in tracks.items():
            keys.append(_key(start + REST_S, stage, thing, zoom))
        stage.play(event)
        for thing, keys in tracks.items():
            keys.append(_key(start + 1 - REST_S, stage, thing, zoom))
        if event.thing and event.action == "appears":
            shown[event.thing][0] = start + 0.5
        if event.thing and event.action == "disappears":
            shown[event.thing][1] = start + 0.5
    shapes = tuple(_shape(thing, keys, shown[thing]) for thing, keys in tracks.items())
    path = CameraPath(tuple(legs)) if legs else Camera()
    return Scene(BACKDROPS[story.background], story.starts_s[-1], path, shapes)


def _key(seconds: float, stage: Stage, thing: Thing, zoom: float) -> tuple[float, float, float, float]:
    """Places of the world, not of the screen: the camera's own way is added back."""
    x, y = _world(stage.places[thing], stage.offset)
    return seconds, x * zoom, y * zoom, zoom * (GROWTH if thing in stage.large else 1.0)


def _world(place: Place, offset: Place) -> tuple[float, float]:
    return (place[0] + offset[0] - MIDDLE) * STEP_DIAG, (place[1] + offset[1] - MIDDLE) * STEP_DIAG


def _camera(event: Event, zoomed_in: bool) -> Camera:
    """The camera's motion during an event's middle part."""
    if event.thing is not None:
        return Camera()
    seconds = 1 - 2 * REST_S
    step = STEP_DIAG * (1.0 if zoomed_in else FAR) / seconds
    zoom = -math.log(FAR) / seconds
    return {
        "pans left": Camera(pan_diag_per_s=-step),
        "pans right": Camera(pan_diag_per_s=step),
        "tilts up": Camera(tilt_diag_per_s=step),
        "tilts down": Camera(tilt_diag_per_s=-step),
        "zooms in": Camera(zoom_per_s=zoom),
        "zooms out": Camera(zoom_per_s=-zoom),
    }[event.action]


def _shape(thing: Thing, keys: list[tuple[float, float, float, float]], shown: list[float]) -> StagedShape:
    outline, sides = {
        "circle": ("ellipse", 5), "square": ("rectangle", 5), "triangle": ("polygon", 3), "diamond": ("polygon", 4),
        "bar": ("rectangle", 5),
    }[thing.shape]  # fmt: skip
    return StagedShape(
        Texture("flat", colour=thing.colour),
        outline,  # pyright: ignore[reportArgumentType]
        size_diag=SIZES[thing.shape],
        flatness=0.4 if thing.shape == "bar" else 1.0,
        sides=sides,
        keys=tuple(keys),
        shown_s=(shown[0], shown[1]),
    )


def _between(keys: tuple[tuple[float, float, float, float], ...], seconds: float) -> tuple[float, float, float, float]:
    """The values of the keys at a time; constant before the first and after the last."""
    before = keys[0]
    for after in keys:
        if after[0] >= seconds:
            share = (seconds - before[0]) / (after[0] - before[0]) if after[0] > before[0] else 0.0
            share = max(0.0, share)
            mixed = [a + (b - a) * share for a, b in zip(before, after, strict=True)]
            return mixed[0], mixed[1], mixed[2], mixed[3]
        before = after
    return before
