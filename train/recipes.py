"""Recipes: functions that return a whole run. A variant states its difference.

Sources: Tarsier2, arXiv 2501.07888, Table 12 (stages), section 3.3 (DPO), Table 18 (Recap); Tarsier, arXiv 2407.00634.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from engine.door import WrongUse
from train.settings import Adapter, Distil, Frames, OnPolicy, Optimiser, Part, Preference, Recipe


def tarsier2_sft1() -> Recipe:
    """Grounded fine-tuning: 150 K clips whose captions name the frames of each event (Table 12, column SFT-1)."""
    return Recipe(
        name="tarsier2_sft1",
        about="Tarsier2 SFT-1: 5,000 steps of 64, lr 2e-5, 16 frames of at most 460,800 pixels, all weights learn",
        batch=64,
        steps=5_000,
        optimiser=Optimiser(lr=2e-5, warmup_steps=250, vision_layer_decay=0.9),
        frames=Frames(n_frames=16, max_pixels=460_800),
    )


def tarsier2_sft2() -> Recipe:
    """Instructions of many kinds beside refined captions, from SFT-1's model (Table 12, column SFT-2)."""
    before = tarsier2_sft1()
    return replace(
        before,
        name="tarsier2_sft2",
        about="Tarsier2 SFT-2: as SFT-1 with lr 2e-6",
        optimiser=replace(before.optimiser, lr=2e-6),
    )


def tarsier2_pretrain() -> Recipe:
    """Pre-training on 40 M samples of many tasks from Qwen2-VL (Table 12): 200,000 steps of 384."""
    before = tarsier2_sft1()
    return replace(
        before,
        name="tarsier2_pretrain",
        about="Tarsier2 pre-training: 200,000 steps of 384, 8 to 128 frames, lr 2e-5",
        batch=384,
        steps=200_000,
        optimiser=replace(before.optimiser, warmup_steps=1_000),
        frames=Frames(n_frames=(8, 16, 32, 64, 128), max_pixels=460_800),
    )


def tarsier2_dpo() -> Recipe:
    """Preferences between descriptions of true and corrupted clips (Table 12, column DPO; section 3.3)."""
    before = tarsier2_sft1()
    return replace(
        before,
        name="tarsier2_dpo",
        about="Tarsier2 DPO: 1,000 steps of 64 pairs, lr 1e-6, beta 0.1, all weights learn",
        objective="dpo",
        batch=64,
        steps=1_000,
        optimiser=replace(before.optimiser, lr=1e-6, warmup_steps=100),
        preference=Preference(beta=0.1),
    )


def tarsier2_dpo_lora() -> Recipe:
    """The same into an adapter, without which the network is its own reference; LoRA's usual rate is ten times
    higher."""
    before = tarsier2_dpo()
    return replace(
        before,
        name="tarsier2_dpo_lora",
        about="as tarsier2_dpo into an adapter of rank 64, lr 1e-5",
        optimiser=replace(before.optimiser, lr=1e-5),
        adapter=Adapter(rank=64, alpha=128),
    )


def tarsier2_rpo() -> Recipe:
    """Preferences between a model's own answers to one clip, which share most of their words: the chosen answer's loss
    keeps both from becoming less likely (arXiv 2404.19733, section 2). Rate and steps are Tarsier2's."""
    return replace(
        tarsier2_dpo(),
        name="tarsier2_rpo",
        about="as tarsier2_dpo for pairs of sampled answers: the chosen answer's loss is added",
        preference=Preference(beta=0.1, sft_share=1.0),
    )


def tarsier_stage1() -> Recipe:
    """Multi-task pre-training: the tower is frozen, projector and text model learn (README of Tarsier).

    Rate, batch and epochs were never published; those of Tarsier2's pre-training stand in for them.
    """
    return replace(
        tarsier2_pretrain(),
        name="tarsier_stage1",
        about="Tarsier stage 1: frozen tower, 8 frames; rate and batch are Tarsier2's, Tarsier's were not published",
        frozen=("vision",),
        steps=None,
        frames=Frames(n_frames=8),
    )


def tarsier_stage2() -> Recipe:
    """Instruction tuning on 500 K rows of several lengths and levels; the tower stays frozen (README of Tarsier)."""
    return replace(
        tarsier2_sft1(),
        name="tarsier_stage2",
        about="Tarsier stage 2: frozen tower, 8 frames; rate and batch are Tarsier2's, Tarsier's were not published",
        frozen=("vision",),
        steps=None,
        frames=Frames(n_frames=8),
    )


def recap() -> Recipe:
    """The published distillation: Qwen2-VL-7B on Tarsier2's captions of 585 K clips, lr 2e-5 (Table 18; model card).

    Two epochs: give `--epochs 2` or a mixture of one's own; warm-up and batch are those of SFT-1.
    """
    return replace(
        tarsier2_sft1(), name="recap", about="Tarsier2-Recap-7b: teacher's captions, 2 epochs, lr 2e-5", steps=None,
        mixture=(Part("recap", epochs=2.0),),
    )  # fmt: skip


def student_sequence_kd() -> Recipe:
    """A student of any size learns the teacher's captions as they stand."""
    return replace(
        tarsier2_sft1(), name="student_sequence_kd", about="captions of a teacher, one pass", steps=None,
    )  # fmt: skip


def student_logit_kd() -> Recipe:
    """The same with the teacher's likeliest tokens that `recaption` kept; half of the loss is the text's own."""
    return replace(
        student_sequence_kd(), name="student_logit_kd", about="kept logprobs of a teacher with the same vocabulary",
        objective="logit_kd", distil=Distil(share=0.5),
    )  # fmt: skip


def on_policy_kd() -> Recipe:
    """The student writes half of the answers itself, and a live teacher says of each token what it would have said.

    Lambda and beta of 0.5 as in GKD (arXiv 2306.13649, section 4); give the teacher with `--teacher`.
    """
    return replace(
        student_sequence_kd(), name="on_policy_kd", about="GKD: a live --teacher on the student's own answers",
        objective="on_policy_kd", distil=Distil(share=1.0), on_policy=OnPolicy(),
    )  # fmt: skip


def lora() -> Recipe:
    """Captions into an adapter, for a 7B on one GPU of 24 to 80 GB; the rate is LoRA's usual one."""
    before = student_sequence_kd()
    return replace(
        before, name="lora", about="rank 16 on the text model, lr 1e-4", adapter=Adapter(),
        optimiser=replace(before.optimiser, lr=1e-4),
    )  # fmt: skip


def story_teacher() -> Recipe:
    """A network of one or two million weights learns stories (`media.synthetic.stories`) on a laptop's CPU."""
    return Recipe(
        name="story_teacher",
        about="small world: from random weights to captions of stories",
        batch=16,
        pack_tokens=4_096,
        optimiser=Optimiser(lr=1.5e-3, betas=(0.9, 0.98), eps=1e-8, warmup_steps=100, final_share=0.02),
        precision="float32",
        gradient_checkpointing=False,
        checkpoint_every=100,
    )


def story_student() -> Recipe:
    """A smaller network learns what the teacher of stories said."""
    return replace(story_teacher(), name="story_student", about="small world: captions of the teacher")


def story_student_logits() -> Recipe:
    """The same with the teacher's likeliest tokens."""
    return replace(
        story_student(), name="story_student_logits", about="small world: kept logprobs of the teacher",
        objective="logit_kd", distil=Distil(share=0.5),
    )  # fmt: skip


def story_on_policy() -> Recipe:
    """A student of stories that answers half of the films itself."""
    return replace(
        story_student(), name="story_on_policy", about="small world: a live teacher on the student's own answers",
        objective="on_policy_kd", distil=Distil(share=1.0), on_policy=OnPolicy(max_new_tokens=80),
    )  # fmt: skip


def story_dpo() -> Recipe:
    """Preferences between a network's own answers to stories, or between those to true and corrupted ones."""
    before = story_teacher()
    return replace(
        before,
        name="story_dpo",
        about="small world: DPO, the chosen answer's loss is added",
        objective="dpo",
        optimiser=replace(before.optimiser, lr=2e-4, warmup_steps=10),
        preference=Preference(beta=0.1, sft_share=1.0),
    )


RECIPES: dict[str, Callable[[], Recipe]] = {
    make.__name__: make
    for make in (
        tarsier_stage1, tarsier_stage2, tarsier2_pretrain, tarsier2_sft1, tarsier2_sft2, tarsier2_dpo,
        tarsier2_dpo_lora, tarsier2_rpo, recap, student_sequence_kd, student_logit_kd, on_policy_kd, lora,
        story_teacher, story_student, story_student_logits, story_on_policy, story_dpo,
    )
}  # fmt: skip


def recipe_named(name: str) -> Recipe:
    """Raises WrongUse that names all recipes."""
    if name not in RECIPES:
        raise WrongUse(f"recipe must be one of {', '.join(RECIPES)}, got {name!r}.")
    return RECIPES[name]()
