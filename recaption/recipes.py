"""Recipes: what is asked about a clip, of which frames, and what is made of the answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from recaption.prompts import Prompt

US = 1_000_000
RECIPES = ("tarsier", "lvd2m", "semantic", "grounded")


@dataclass(frozen=True)
class Sampling:
    """How answers are written. temperature 0 is greedy; samples of one request differ in their seed alone.

    Raises:
        ValueError: a number that cannot be, or several samples of what is always the same.
    """

    samples: int = 1
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    top_logprobs: int = 0
    max_new_tokens: int = 512

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise ValueError(f"samples must be >= 1, got {self.samples}")
        if self.samples > 1 and self.temperature == 0:
            raise ValueError("several samples at temperature 0 are all the same: add --temperature 0.7, for example")
        if self.temperature < 0:
            raise ValueError(f"temperature must be >= 0, got {self.temperature}. 0 is greedy")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p must be in (0, 1], got {self.top_p}. 1 is off")
        if self.top_logprobs < 0 or self.max_new_tokens < 1:
            raise ValueError("top_logprobs must be >= 0 and max_new_tokens >= 1")


@dataclass(frozen=True)
class Look:
    """Prompts about frames. form: frames as a video, or six of them in one picture of two rows.

    n_frames: of one answer. longest_us: longer clips are looked at in pieces. segments: pieces are LVD-2M's, of
    `longest_us` each and a rest, and even one alone is a `segment`; otherwise they are windows of equal length, and a
    clip that needs one only has its caption at once.
    """

    prompts: tuple[Prompt, ...]
    n_frames: int
    form: Literal["video", "grid"] = "video"
    longest_us: int | None = None
    segments: bool = False

    def __post_init__(self) -> None:
        if self.n_frames < 1:
            raise ValueError(f"frames must be >= 1, got {self.n_frames}")
        if self.longest_us is not None and self.longest_us < US:
            raise ValueError(f"a window must be at least 1 s long, got {self.longest_us / US:g} s")

    @property
    def asks(self) -> bool:
        """Whether the answers are choices."""
        return bool(self.prompts[0].choices)


@dataclass(frozen=True)
class Write:
    """A text made of texts. source_kind: of the captions that it is made of; one, many: the prompt for a source that
    stands for one piece of the clip, or for several. one is None: such sources are left as they are.
    """

    stage: Literal["refine", "rewrite"]
    source_kind: str
    one: Prompt | None
    many: Prompt


@dataclass(frozen=True)
class Recipe:
    """What `recaption run` does to each clip. retries: further tries for what a gate turned away; gates: whether they
    are on; max_pixels: of a frame, None is the model's own."""

    name: str
    look: Look
    writes: tuple[Write, ...] = ()
    sampling: Sampling = Sampling()
    max_pixels: int | None = None
    retries: int = 2
    gates: bool = True


@dataclass(frozen=True)
class Choices:
    """What a person may change about a recipe; None leaves what the recipe says."""

    prompts: tuple[str, ...] = ()
    frames: int | None = None
    window_us: int | None = None
    grid: bool = True


def recipe_named(
    name: str, prompts: Mapping[str, Prompt], model_frames: int, choices: Choices
) -> Callable[[Sampling, int | None, bool], Recipe]:
    """The recipe's maker, given sampling, max_pixels and gates. model_frames: what the model was trained to look at.

    Raises:
        ValueError: no such recipe or prompt.
    """
    makers = {"tarsier": _tarsier, "lvd2m": _lvd2m, "semantic": _semantic, "grounded": _grounded}
    if name not in makers:
        raise ValueError(f"no recipe {name!r}. Allowed: {', '.join(RECIPES)}")
    look, writes = makers[name](prompts, model_frames, choices)
    return lambda sampling, max_pixels, gates: Recipe(name, look, writes, sampling, max_pixels, gates=gates)


def _tarsier(prompts: Mapping[str, Prompt], frames: int, choices: Choices) -> tuple[Look, tuple[Write, ...]]:
    """One dense description a clip; of what is longer than a minute one a window, merged."""
    asked = _asked(prompts, choices.prompts or ("tarsier.dense",))
    look = Look(asked, choices.frames or frames, longest_us=choices.window_us or 60 * US)
    return look, (Write("refine", "raw", None, _known(prompts, "merge.windows")),)


def _lvd2m(prompts: Mapping[str, Prompt], frames: int, choices: Choices) -> tuple[Look, tuple[Write, ...]]:
    """LVD-2M's hierarchy (arXiv 2410.10816, section 3.2): a caption each 30 s of six frames, refined, rewritten."""
    segment = "lvd2m.segment.grid" if choices.grid else "lvd2m.segment.video"
    form: Literal["video", "grid"] = "grid" if choices.grid else "video"
    if choices.grid and choices.frames not in (None, 6):
        raise ValueError(f"the grid of recipe lvd2m holds 6 frames, got {choices.frames}; --no-grid takes any number")
    asked = _asked(prompts, choices.prompts or (segment,))
    look = Look(asked, choices.frames or 6, form, choices.window_us or 30 * US, segments=True)
    refine = Write("refine", "raw", _known(prompts, "lvd2m.refine.one"), _known(prompts, "lvd2m.refine.many"))
    rewritten = _known(prompts, "lvd2m.rewrite")
    return look, (refine, Write("rewrite", "refined", rewritten, rewritten))


def _semantic(prompts: Mapping[str, Prompt], frames: int, choices: Choices) -> tuple[Look, tuple[Write, ...]]:
    """LVD-2M's two questions of 8 frames (section 3.1), into `answers`."""
    asked = _asked(prompts, choices.prompts or ("lvd2m.variation", "lvd2m.content"))
    if any(not prompt.choices for prompt in asked):
        raise ValueError("recipe semantic asks questions: each of its prompts needs choices")
    return Look(asked, choices.frames or 8), ()


def _grounded(prompts: Mapping[str, Prompt], frames: int, choices: Choices) -> tuple[Look, tuple[Write, ...]]:
    """Events with the frames in which they are seen, as Tarsier2 was taught them."""
    return Look(_asked(prompts, choices.prompts or ("tarsier.grounded",)), choices.frames or frames), ()


def _asked(prompts: Mapping[str, Prompt], names: Sequence[str]) -> tuple[Prompt, ...]:
    asked = tuple(_known(prompts, name) for name in names)
    if len({prompt.choices != () for prompt in asked}) > 1:
        raise ValueError("questions with choices and captions cannot be asked in one run")
    if len({prompt.kind for prompt in asked}) < len(asked) and not asked[0].choices:
        raise ValueError("two prompts of one kind would give two captions of that kind: give one of them another kind")
    return asked


def _known(prompts: Mapping[str, Prompt], name: str) -> Prompt:
    if name not in prompts:
        raise ValueError(f"no prompt {name!r}. There are: {', '.join(prompts)}. --prompts FILE adds your own")
    return prompts[name]
