"""Ready worlds: one function an idea, so that a test or bench says what it needs in a line."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from media.synthetic.camera import Camera, CameraPath
from media.synthetic.scene import Flash, Scene
from media.synthetic.shape import Overlay, Shape
from media.synthetic.texture import Texture
from media.synthetic.transition import Transition
from media.synthetic.world import World


def cuts_world(seconds: float = 2.0, num_scenes: int = 4) -> World:
    """Hard cuts between unlike pictures, slowly panned."""
    kinds = ("natural", "city", "gradient")
    scenes = [
        Scene(Texture(kinds[i % 3], seed=i), seconds, Camera(pan_diag_per_s=0.04 * (-1) ** i))
        for i in range(num_scenes)
    ]
    return World(tuple(scenes))


def pans_world(seconds: float = 2.0, diag_per_s: float = 0.1) -> World:
    """One scene a direction: right, left, up, down; hard cuts between them."""
    cameras = (
        Camera(pan_diag_per_s=diag_per_s),
        Camera(pan_diag_per_s=-diag_per_s),
        Camera(tilt_diag_per_s=diag_per_s),
        Camera(tilt_diag_per_s=-diag_per_s),
    )
    return World(tuple(Scene(Texture(seed=i), seconds, camera) for i, camera in enumerate(cameras)))


def zoom_world(seconds: float = 4.0, zoom_per_s: float = 0.15) -> World:
    """One take that zooms in (out when negative)."""
    return World((Scene(Texture(seed=3), seconds, Camera(zoom_per_s=zoom_per_s)),))


def transitions_world(seconds: float = 3.0, transition_seconds: float = 0.8) -> World:
    """Every kind of transition once: hard, dissolve, three fades, four wipes; a flash in the first scene."""
    transitions = (
        Transition(),
        Transition("dissolve", transition_seconds),
        *(Transition("fade", transition_seconds, colour) for colour in ("black", "white", "blue")),
        *(Transition("wipe", transition_seconds, direction=to) for to in ("left", "right", "up", "down")),
    )
    kinds = ("natural", "city")
    scenes = [
        Scene(Texture(kinds[i % 2], seed=20 + i), seconds, Camera(pan_diag_per_s=0.03 * (-1) ** i))
        for i in range(len(transitions) + 1)
    ]
    scenes[0] = Scene(Texture(seed=20), seconds, flashes=(Flash(seconds / 2),))
    return World(tuple(scenes), transitions)


def still_world(seconds: float = 4.0) -> World:
    """A photograph: nothing moves at all."""
    return World((Scene(Texture(seed=5), seconds),))


def moving_shapes_world(seconds: float = 4.0, diag_per_s: float = 0.2, num_shapes: int = 4) -> World:
    """A camera on a tripod; shapes cross and bounce in the frame, each at the same speed."""
    return World((Scene(Texture("city", seed=6), seconds, shapes=bouncing_shapes(6, num_shapes, diag_per_s)),))


def jump_cut_world(seconds: float = 2.0, num_jumps: int = 2, jump_s: float = 1.5) -> World:
    """The same take with time cut out of it: same framing, what moves is suddenly elsewhere; hard cuts."""
    shapes = bouncing_shapes(7, 3, 0.15)
    scenes = [
        Scene(Texture(seed=7), seconds, Camera(pan_diag_per_s=0.01), shapes, start_s=i * (seconds + jump_s))
        for i in range(num_jumps + 1)
    ]
    return World(tuple(scenes))


def slides_world(seconds: float = 3.0, num_slides: int = 4) -> World:
    """A talk: pages that hardly differ, nothing moves, hard cuts."""
    return World(tuple(Scene(Texture("page", seed=i), seconds) for i in range(num_slides)))


def long_take_world(seconds: float = 12.0, diag_per_s: float = 0.09, seed: int = 8) -> World:
    """One hand-held take without a cut: the camera walks, turns, zooms; shapes move; a subtitle comes and goes."""
    quarter = seconds / 4
    path = CameraPath(
        (
            (quarter, _hand(seed, pan=diag_per_s)),
            (quarter, _hand(seed + 1, pan=0.6 * diag_per_s, tilt=0.8 * diag_per_s, zoom=0.05)),
            (quarter, _hand(seed + 2, pan=-diag_per_s, roll=4)),
            (quarter, _hand(seed + 3, tilt=-diag_per_s, zoom=-0.05)),
        )
    )
    overlay = Overlay("and then we turned the corner", quarter, 2 * quarter)
    return World((Scene(Texture(seed=seed), seconds, path, bouncing_shapes(seed, 3, 0.12), (overlay,)),))


def loop_world(seconds: float = 8.0, diag_per_s: float = 0.1) -> World:
    """One take that ends as it began (there and back), so that its loop is one long take without a cut."""
    there, back = Camera(pan_diag_per_s=diag_per_s), Camera(pan_diag_per_s=-diag_per_s)
    return World((Scene(Texture(seed=9), seconds, CameraPath(((seconds / 2, there), (seconds / 2, back)))),))


def random_world(seed: int, num_scenes: int = 6, seconds: tuple[float, float] = (1.5, 4.0)) -> World:
    """Scenes and transitions of every kind, drawn by `seed`: pictures, motion, shapes, overlays, light."""
    random = np.random.default_rng(seed)
    lengths = [round(float(random.uniform(*seconds)), 3) for _ in range(num_scenes)]
    scenes = tuple(_random_scene(random, seed * 1000 + index, length) for index, length in enumerate(lengths))
    room = [min(before, after) / 2 for before, after in pairwise(lengths)]
    return World(scenes, tuple(_random_transition(random, limit) for limit in room))


def bouncing_shapes(seed: int, count: int, diag_per_s: float) -> tuple[Shape, ...]:
    """Shapes that cross the frame in seeded directions at one speed and turn back at its borders; on the screen."""
    random = np.random.default_rng(seed)
    outlines = ("ellipse", "polygon", "rectangle")
    shapes = []
    for index in range(count):
        angle = random.uniform(0, 2 * np.pi)
        shapes.append(
            Shape(
                Texture(("natural", "city")[index % 2], seed=50 + (seed + index) % 4),
                outline=outlines[index % 3],
                position_diag=(round(random.uniform(-0.3, 0.3), 3), round(random.uniform(-0.15, 0.15), 3)),
                velocity_diag_per_s=(diag_per_s * float(np.cos(angle)), diag_per_s * float(np.sin(angle))),
                size_diag=round(random.uniform(0.1, 0.28), 3),
                flatness=round(random.uniform(0.6, 1), 2),
                spin_deg_per_s=round(random.uniform(-40, 40), 1),
                attached_to="screen",
                bounce_diag=(0.38, 0.2),
            )
        )
    return tuple(shapes)


def _hand(seed: int, pan: float = 0, tilt: float = 0, zoom: float = 0, roll: float = 0) -> Camera:
    return Camera(pan, tilt, zoom, roll, shake_diag=0.003, shake_hz=2.5, shake_seed=seed)


def _random_scene(random: np.random.Generator, seed: int, seconds: float) -> Scene:
    def drawn(chance: float, low: float, high: float) -> float:
        return round(float(random.uniform(low, high)), 4) if random.random() < chance else 0.0

    camera = Camera(
        drawn(0.6, -0.15, 0.15),
        drawn(0.3, -0.08, 0.08),
        drawn(0.3, -0.15, 0.15),
        drawn(0.2, -8, 8),
        drawn(0.3, 0.001, 0.006),
        shake_seed=seed,
    )
    texture = Texture(
        ("natural", "natural", "city", "page", "gradient")[random.integers(5)],
        seed=seed,
        contrast=float(random.choice([1.0, 1.0, 1.0, 0.35])),
    )
    shapes = bouncing_shapes(seed, int(random.integers(0, 4)), round(float(random.uniform(0.02, 0.3)), 3))
    overlays = (Overlay("a line of text", 0.4, 1.1),) if random.random() < 0.3 else ()
    flashes = (Flash(round(seconds / 2, 3), 0.06),) if random.random() < 0.2 else ()
    exposure = ((0.0, 0.6), (seconds, 1.2)) if random.random() < 0.2 else ()
    return Scene(texture, seconds, camera, shapes, overlays, flashes, exposure)


def _random_transition(random: np.random.Generator, limit: float) -> Transition:
    seconds = round(min(float(random.uniform(0.3, 1.5)), limit), 3)
    match random.integers(6):
        case 0:
            return Transition("dissolve", seconds)
        case 1:
            return Transition("fade", seconds, ("black", "white", "blue")[random.integers(3)])
        case 2:
            return Transition("wipe", seconds, direction=("left", "right", "up", "down")[random.integers(4)])
        case _:
            return Transition()
