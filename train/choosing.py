"""The loss of a recipe, over what a pack predicts and the samples that are in it; and who writes its answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engine.door import WrongUse
from model.load import LoadedModel
from train.learner import Objective
from train.network.forward import PackedNetwork, Predicted
from train.network.loading import load_for_training
from train.objectives import (
    Loss,
    check_vocabulary,
    chosen_loss,
    generalised_jsd_loss,
    kept_logprobs_loss,
    live_teacher_loss,
    preference_loss,
    sequence_logprobs,
    text_loss,
)
from train.own_answers import OwnAnswers
from train.parallel import Parallel
from train.preferences.reference import Logprobs
from train.reading import Ready
from train.settings import Distil, Preference, Recipe

ReferenceOf = Callable[[Sequence[Ready], Tensor], Tensor]
"""Log-probabilities of chosen and rejected answers in turn, [2n], on the device of the policy's."""


def objective_of(
    recipe: Recipe, loaded: LoadedModel, module: PackedNetwork, device: str, reference: Logprobs | None = None
) -> Objective:
    """What the recipe minimises. reference: of recipes that need one. Raises WrongUse: a teacher with another
    vocabulary, or none where one has to be at hand."""
    if recipe.distil and recipe.distil.teacher:
        return _live(recipe, recipe.distil, loaded, device)
    if recipe.on_policy:
        raise WrongUse(f"{recipe.name} needs a teacher that is at hand: --teacher FOLDER.")
    if recipe.distil:
        return _kept(recipe.distil)
    if recipe.preference:
        return _preference(recipe.preference, _known(reference) if recipe.needs_reference else _without_adapter(module))
    return lambda predicted, _: Loss(text_loss(predicted), {})


def answers_of(recipe: Recipe, loaded: LoadedModel, module: PackedNetwork, parallel: Parallel) -> OwnAnswers | None:
    """Who writes answers in place of the given ones. Raises WrongUse: with weights that are split up."""
    if recipe.on_policy is None:
        return None
    if parallel.world > 1 and parallel.sharing == "fsdp":
        raise WrongUse("the student cannot write with weights that are split up: use --sharing ddp.")
    return OwnAnswers(module, loaded, recipe.on_policy, recipe.pack_tokens)


def count_of(recipe: Recipe, sample: Ready) -> int:
    """What the step's loss is a mean over: learned tokens, or pairs."""
    return 1 if recipe.preference else sum(int(prompt.learned[1:].sum()) for prompt in sample.prompts)


def _kept(distil: Distil) -> Objective:
    def loss(predicted: Predicted, samples: Sequence[Ready]) -> Loss:
        device = predicted.logits.device
        narrowest = min(sample.top_ids.shape[1] for sample in samples)
        ids = np.concatenate([sample.top_ids[:, :narrowest] for sample in samples])
        logprobs = np.concatenate([sample.top_logprobs[:, :narrowest] for sample in samples])
        if ids.max() >= predicted.logits.shape[1]:
            raise WrongUse(
                f"the teacher's tokens go up to id {ids.max()}, the student's vocabulary has "
                f"{predicted.logits.shape[1]} rows: it is another vocabulary. Distil from captions instead "
                "(student_sequence_kd)."
            )
        taught = kept_logprobs_loss(predicted, torch.from_numpy(ids).to(device), torch.from_numpy(logprobs).to(device))
        return _mixed(distil, taught, predicted)

    return loss


def _live(recipe: Recipe, distil: Distil, student: LoadedModel, device: str) -> Objective:
    teacher = load_for_training(str(distil.teacher), device)
    try:
        check_vocabulary(student.processor.tokenizer, teacher.processor.tokenizer)
    except ValueError as error:
        raise WrongUse(str(error)) from error
    if teacher.family != student.family:
        raise WrongUse(
            f"the teacher is a {teacher.family}, the student a {student.family}: they see other frames and tokens. "
            "Distil from captions instead (student_sequence_kd)."
        )
    teaching = PackedNetwork(teacher.network.requires_grad_(False), teacher.family, teacher.processor)

    def loss(predicted: Predicted, samples: Sequence[Ready]) -> Loss:
        with torch.no_grad():
            taught_by = teaching([prompt for sample in samples for prompt in sample.prompts])
        if recipe.on_policy:
            total = generalised_jsd_loss(predicted, taught_by.logits, recipe.on_policy.beta, distil.temperature)
            return Loss(total, {})
        return _mixed(distil, live_teacher_loss(predicted, taught_by.logits, distil.temperature), predicted)

    return loss


def _mixed(distil: Distil, taught: Tensor, predicted: Predicted) -> Loss:
    own = text_loss(predicted)
    parts = {"kl": float(taught.detach()), "text_loss": float(own.detach())}
    return Loss(distil.share * taught + (1 - distil.share) * own, parts)


def _preference(settings: Preference, reference_of: ReferenceOf) -> Objective:
    def loss(predicted: Predicted, samples: Sequence[Ready]) -> Loss:
        policy = sequence_logprobs(predicted, 2 * len(samples))
        found = preference_loss(policy, reference_of(samples, policy), settings.beta)
        if not settings.sft_share:
            return found
        own = chosen_loss(policy, predicted)
        return Loss(found.total + settings.sft_share * own, found.parts | {"chosen_loss": float(own.detach())})

    return loss


def _without_adapter(module: PackedNetwork) -> ReferenceOf:
    """The reference is the network without its adapter, as it was loaded."""
    network: Any = module.network

    def reference(samples: Sequence[Ready], _: Tensor) -> Tensor:
        prompts = [prompt for sample in samples for prompt in sample.prompts]
        with torch.no_grad(), network.disable_adapter():
            return sequence_logprobs(module(prompts), len(prompts))

    return reference


def _known(logprobs: Logprobs | None) -> ReferenceOf:
    """The reference is what was computed before the first step."""
    if logprobs is None:
        raise ValueError("a recipe that needs a reference was given none.")

    def reference(samples: Sequence[Ready], policy: Tensor) -> Tensor:
        both = [value for sample in samples for value in logprobs[sample.sample_id]]
        return torch.tensor(both, dtype=policy.dtype, device=policy.device)

    return reference
