"""The loss of a recipe, over what a pack predicts and the samples that are in it."""

from __future__ import annotations

from collections.abc import Sequence
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
    kept_logprobs_loss,
    live_teacher_loss,
    preference_loss,
    sequence_logprobs,
    text_loss,
)
from train.reading import Ready
from train.settings import Distil, Preference, Recipe


def objective_of(recipe: Recipe, loaded: LoadedModel, module: PackedNetwork, device: str) -> Objective:
    """What the recipe minimises. Raises WrongUse: a teacher with another vocabulary, DPO without its adapter."""
    if recipe.distil and recipe.distil.teacher:
        return _live(recipe.distil, loaded, device)
    if recipe.distil:
        return _kept(recipe.distil)
    if recipe.preference:
        return _preference(recipe.preference, module)
    return lambda predicted, _: Loss(text_loss(predicted), {})


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


def _live(distil: Distil, student: LoadedModel, device: str) -> Objective:
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
        return _mixed(distil, live_teacher_loss(predicted, taught_by.logits, distil.temperature), predicted)

    return loss


def _mixed(distil: Distil, taught: Tensor, predicted: Predicted) -> Loss:
    own = text_loss(predicted)
    parts = {"kl": float(taught.detach()), "text_loss": float(own.detach())}
    return Loss(distil.share * taught + (1 - distil.share) * own, parts)


def _preference(settings: Preference, module: PackedNetwork) -> Objective:
    """The reference is the network without its adapter, as it was loaded."""
    network: Any = module.network
    if not hasattr(network, "disable_adapter"):
        raise WrongUse("DPO here holds the policy to the network without its adapter: the recipe needs an `adapter`.")

    def loss(predicted: Predicted, samples: Sequence[Ready]) -> Loss:
        prompts = [prompt for sample in samples for prompt in sample.prompts]
        with torch.no_grad(), network.disable_adapter():
            reference = sequence_logprobs(module(prompts), len(prompts))
        policy = sequence_logprobs(predicted, len(prompts))
        found = preference_loss(policy, reference, settings.beta)
        if not settings.sft_share:
            return found
        lengths = torch.bincount(predicted.rows, minlength=len(prompts))
        own = -(policy / lengths)[0::2].sum()
        return Loss(found.total + settings.sft_share * own, found.parts | {"chosen_loss": float(own.detach())})

    return loss
