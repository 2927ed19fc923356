"""What a training run is: frozen settings that a recipe returns whole and that a run keeps beside its model."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from schemas.ids import fingerprint_of

Objective = Literal["sft", "logit_kd", "on_policy_kd", "dpo"]
Tower = Literal["vision", "projector", "text"]
TOWERS = ("vision", "projector", "text")


@dataclass(frozen=True)
class Part:
    """One part of a mixture: the samples of a dataset, each shown exactly `epochs` times.

    dataset: as `samples.dataset` names it. epochs: 1.5 shows each sample once and half of them, chosen by the seed,
    twice. where: SQL over the columns of `samples` that narrows the part.
    """

    dataset: str
    epochs: float = 1.0
    where: str | None = None

    def __post_init__(self) -> None:
        if self.epochs <= 0:
            raise ValueError(f"epochs must be > 0, got {self.epochs}. Leave the part out instead.")


@dataclass(frozen=True)
class Optimiser:
    """AdamW with a warm-up and a cosine. lr: peak. final_share: of the peak that is left at the end.

    vision_layer_decay: each layer of the vision tower learns by this factor slower than the one above it.
    projector_share, vision_share: of lr for the projector (Qwen2-VL's merger) and for the tower.
    """

    lr: float = 2e-5
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-6
    weight_decay: float = 0.01
    warmup_steps: int = 0
    final_share: float = 0.0
    clip_norm: float | None = 1.0
    vision_layer_decay: float = 1.0
    vision_share: float = 1.0
    projector_share: float = 1.0

    def __post_init__(self) -> None:
        if self.lr <= 0 or self.eps <= 0:
            raise ValueError(f"lr and eps must be > 0, got {self.lr} and {self.eps}.")
        if not 0 < self.vision_layer_decay <= 1:
            raise ValueError(f"vision_layer_decay must be in (0, 1], got {self.vision_layer_decay}. 1 is off.")
        if self.clip_norm is not None and self.clip_norm <= 0:
            raise ValueError(f"clip_norm must be > 0, got {self.clip_norm}. None is off.")


@dataclass(frozen=True)
class Adapter:
    """LoRA on the text model's linear layers; the rest is frozen and the adapter is merged into the final model."""

    rank: int = 16
    alpha: int = 32
    dropout: float = 0.0
    targets: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")

    def __post_init__(self) -> None:
        if self.rank < 1 or self.alpha < 1:
            raise ValueError(f"rank and alpha must be >= 1, got {self.rank} and {self.alpha}.")


@dataclass(frozen=True)
class Distil:
    """Learning from a teacher's distributions. teacher: checkpoint of a live teacher; None: what captions keep.

    share: of the distillation loss, the rest is the loss on the text itself. temperature: of both distributions
    with a live teacher; kept logprobs are at 1.
    """

    teacher: str | None = None
    share: float = 0.5
    temperature: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise ValueError(f"share must be in (0, 1], got {self.share}. Use objective 'sft' for none.")
        if self.temperature <= 0:
            raise ValueError(f"temperature must be > 0, got {self.temperature}.")
        if self.teacher is None and self.temperature != 1:
            raise ValueError("kept logprobs are at temperature 1; another one needs a live teacher.")


@dataclass(frozen=True)
class OnPolicy:
    """Answers that the student writes itself, taught by a live teacher: GKD (arXiv 2306.13649).

    share: of the samples that it answers itself (the paper's lambda); the others keep the given text. beta: of the
    generalised Jensen-Shannon divergence (the paper's section 2): 0 is KL(teacher || student), 1 is
    KL(student || teacher). temperature: of the student's writing. rows: answers that are written together.
    """

    share: float = 0.5
    beta: float = 0.5
    temperature: float = 1.0
    max_new_tokens: int = 512
    rows: int = 16

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1 or not 0 <= self.beta <= 1:
            raise ValueError(f"share and beta must be in [0, 1], got {self.share} and {self.beta}.")
        if self.temperature < 0:
            raise ValueError(f"temperature must be >= 0, got {self.temperature}. 0 is greedy.")
        if self.max_new_tokens < 1 or self.rows < 1:
            raise ValueError(f"max_new_tokens and rows must be >= 1, got {self.max_new_tokens} and {self.rows}.")


@dataclass(frozen=True)
class Preference:
    """DPO (arXiv 2305.18290). beta: how far the policy is held to the reference. sft_share: of the chosen answer's
    own loss, a mean over its tokens, that is added; without it both answers may become less likely (RPO: arXiv
    2404.19733, equation 1, where it is 1 by the name of alpha).

    The reference is the network that the run begins from: with an adapter the network without it, otherwise, or where
    `precomputed`, what it said of each answer before the first step.
    """

    beta: float = 0.1
    sft_share: float = 0.0
    precomputed: bool = False

    def __post_init__(self) -> None:
        if self.beta <= 0:
            raise ValueError(f"beta must be > 0, got {self.beta}.")
        if self.sft_share < 0:
            raise ValueError(f"sft_share must be >= 0, got {self.sft_share}. 0 is DPO alone.")


@dataclass(frozen=True)
class Frames:
    """How videos are looked at; None leaves the processor's own. n_frames: of several a random one a sample."""

    n_frames: int | tuple[int, ...] | None = None
    max_pixels: int | None = None
    random_frames: bool = False


@dataclass(frozen=True)
class Recipe:
    """A whole run.

    name, about: what it is and where its numbers come from. mixture: parts by dataset; empty: all samples, once.
    batch: samples (or pairs) a step, over all processes. steps: None shows the mixture exactly once through.
    pack_tokens: of one packed pass. frozen: towers that do not learn. precision: bfloat16 computes in it and keeps
    what learns in float32. ema: decay of a running mean of the weights that becomes the final model; None is off.
    checkpoint_every: steps between checkpoints. split: of the samples.
    """

    name: str
    about: str = ""
    objective: Objective = "sft"
    mixture: tuple[Part, ...] = ()
    split: str = "train"
    batch: int = 64
    steps: int | None = None
    pack_tokens: int = 16_384
    optimiser: Optimiser = field(default_factory=Optimiser)
    frozen: tuple[Tower, ...] = ()
    adapter: Adapter | None = None
    distil: Distil | None = None
    on_policy: OnPolicy | None = None
    preference: Preference | None = None
    frames: Frames = field(default_factory=Frames)
    precision: Literal["float32", "bfloat16"] = "bfloat16"
    gradient_checkpointing: bool = True
    ema: float | None = None
    checkpoint_every: int = 500
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("batch", "pack_tokens", "checkpoint_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be >= 1, got {getattr(self, name)}.")
        if self.steps is not None and self.steps < 1:
            raise ValueError(f"steps must be >= 1, got {self.steps}. Leave it out for one pass over the mixture.")
        if unknown := set(self.frozen) - set(TOWERS):
            raise ValueError(f"frozen may hold {', '.join(TOWERS)}, got {', '.join(sorted(unknown))}.")
        if set(self.frozen) == set(TOWERS) and self.adapter is None:
            raise ValueError("everything is frozen and there is no adapter: nothing would learn.")
        if self.ema is not None and not 0 < self.ema < 1:
            raise ValueError(f"ema must be in (0, 1), got {self.ema}. None is off.")
        if (self.objective in ("logit_kd", "on_policy_kd")) != (self.distil is not None):
            raise ValueError("objectives 'logit_kd' and 'on_policy_kd' and the setting `distil` go together.")
        if (self.objective == "on_policy_kd") != (self.on_policy is not None):
            raise ValueError("objective 'on_policy_kd' and the setting `on_policy` go together.")
        if self.on_policy and self.distil and self.distil.share != 1:
            raise ValueError("on-policy distillation has no loss on the text: the share of `distil` must be 1.")
        if (self.objective == "dpo") != (self.preference is not None):
            raise ValueError("objective 'dpo' and the setting `preference` go together.")
        if self.needs_reference and (self.frames.random_frames or isinstance(self.frames.n_frames, tuple)):
            raise ValueError("logprobs of a reference are of fixed frames; random ones need an adapter.")

    @property
    def needs_reference(self) -> bool:
        """Whether the reference's logprobs are computed before the first step."""
        return self.preference is not None and (self.preference.precomputed or self.adapter is None)

    @property
    def fingerprint(self) -> str:
        """16 hex digits over everything that decides what is learned; not over name, text or checkpointing."""
        settings: dict[str, Any] = asdict(self)
        for name in ("name", "about", "checkpoint_every"):
            del settings[name]
        return fingerprint_of("train", 1, settings)
