"""Recipes: which clips a selection keeps. Every threshold of the house stands here, with its source."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Condition:
    """One named condition: SQL over the columns of `clip`. A clip for which it is null was not measured: it goes."""

    name: str
    sql: str


@dataclass(frozen=True)
class SelectRecipe:
    """Bounds that a clip must keep; None means that the bound is off.

    `max_content_2s`: LVD-2M's cut rule, the largest HSV difference of frames two seconds apart, 0 to 255.
    `min_flow_lvd`: LVD-2M's motion score in pixels, by RAFT where it was measured, else by DIS.

    Raises:
        ValueError: a bound is not positive, or the shortest clip is longer than the longest.
    """

    name: str
    min_seconds: float | None = None
    max_seconds: float | None = None
    max_content_2s: float | None = None
    min_flow_lvd: float | None = None
    max_still_share: float | None = None
    max_jump_cut: float | None = None
    min_coherence: float | None = None
    min_luma: float | None = None
    where: tuple[Condition, ...] = ()

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if isinstance(value, int | float) and value <= 0:
                raise ValueError(f"{name} must be > 0, got {value}. None switches it off.")
        if self.min_seconds and self.max_seconds and self.min_seconds > self.max_seconds:
            raise ValueError(f"min_seconds {self.min_seconds} is more than max_seconds {self.max_seconds}")

    def conditions(self) -> list[Condition]:
        """The bounds as SQL, the cheapest to understand first, the user's own last."""
        bounds = [
            ("long_enough", self.min_seconds, "seconds >= {}"),
            ("short_enough", self.max_seconds, "seconds <= {}"),
            ("no_change_in_2_s", self.max_content_2s, "content_2s_max < {}"),
            ("moves_lvd", self.min_flow_lvd, "coalesce(flow_raft_lvd, flow_dis_lvd) >= {}"),
            ("not_still", self.max_still_share, "still_share <= {}"),
            ("one_take", self.max_jump_cut, "jump_cut_score <= {}"),
            ("coherent", self.min_coherence, "coherence >= {}"),
            ("not_dark", self.min_luma, "luma_mean >= {}"),
        ]
        return [Condition(name, sql.format(value)) for name, value, sql in bounds if value is not None] + [*self.where]


def everything() -> SelectRecipe:
    """Every clip."""
    return SelectRecipe("everything")


def long_takes() -> SelectRecipe:
    """Takes of at least 10 s of which the default detector has no doubt; `python -m bench.cuts` measures its errors."""
    return SelectRecipe("long_takes", min_seconds=10, max_jump_cut=0.5)


def lvd2m() -> SelectRecipe:
    """LVD-2M's filters (arXiv 2410.10816, section 3.1, figure 2) as far as they need no language model.

    At least 10 s; no two frames 2 s apart that differ by 50 or more (ContentDetector at half a frame a second); RAFT
    flow of at least 20 pixels between frames half a second apart at 520x960.
    """
    return SelectRecipe("lvd2m", min_seconds=10, max_content_2s=50, min_flow_lvd=20)


def lvd2m_strict() -> SelectRecipe:
    """LVD-2M's filters against its known leaks: no pauses of more than half of the time, nothing in the dark.

    The difference over two seconds must stay below PySceneDetect's default threshold of 27, in place of 50.
    """
    return replace(lvd2m(), name="lvd2m_strict", max_content_2s=27, max_still_share=0.5, min_luma=16)


def panda70m() -> SelectRecipe:
    """Panda-70M's length bounds (arXiv 2402.19479, section 3.1: 2 s to 60 s) and its still-clip filter's aim.

    Panda-70M drops still clips by ImageBind features; here a clip is still when nine tenths of its time show no
    visible motion.
    """
    return SelectRecipe("panda70m", min_seconds=2, max_seconds=60, max_still_share=0.9)


RECIPES = {recipe.__name__: recipe for recipe in (everything, long_takes, lvd2m, lvd2m_strict, panda70m)}


def recipe_named(name: str) -> SelectRecipe:
    """A recipe by its name.

    Raises:
        ValueError: no such recipe.
    """
    if name not in RECIPES:
        raise ValueError(f"no recipe {name!r}. Allowed: {', '.join(RECIPES)}")
    return RECIPES[name]()
