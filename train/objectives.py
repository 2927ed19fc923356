"""Losses over what a pack predicts. Each is a sum, to be divided by the count of the whole step."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from train.network.forward import Predicted


@dataclass(frozen=True)
class Loss:
    """A sum that has gradients, and what else is worth logging as sums over the same count."""

    total: Tensor
    parts: dict[str, float]


def text_loss(predicted: Predicted) -> Tensor:
    """Sum over learned tokens of the cross-entropy."""
    return functional.cross_entropy(predicted.logits, predicted.targets, reduction="sum")


def kept_logprobs_loss(predicted: Predicted, top_ids: Tensor, top_logprobs: Tensor) -> Tensor:
    """Sum over learned tokens of KL(teacher || student) over the kept tokens and one bin for all others.

    top_ids: int64 [N, k]; top_logprobs: float32 [N, k], natural logarithms. The bin makes it a lower bound of the KL
    over the whole vocabulary (log-sum inequality), and zero only where the student gives the kept tokens the teacher's
    probabilities.
    """
    student = torch.log_softmax(predicted.logits, dim=-1).gather(1, top_ids)
    kept = (top_logprobs.exp() * (top_logprobs - student)).sum()
    teacher_rest, student_rest = _rest(top_logprobs), _rest(student)
    rest = (teacher_rest.exp() * (teacher_rest - student_rest)).sum()
    return kept + rest


def _rest(logprobs: Tensor) -> Tensor:
    """log(1 - sum of the probabilities), [N]; never below log(1e-7), where float32 has no digits left."""
    left = -torch.expm1(torch.logsumexp(logprobs, dim=1).clamp(max=0.0))
    return left.clamp(min=1e-7).log()


def live_teacher_loss(predicted: Predicted, teacher: Tensor, temperature: float) -> Tensor:
    """Sum over learned tokens of KL(teacher || student) over the whole vocabulary at a temperature, times its square.

    teacher: logits float32 [N, V']. Rows beyond the shorter vocabulary are padding on one side and are left out.
    The factor keeps gradients comparable (arXiv 1503.02531, section 2).
    """
    rows = min(teacher.shape[1], predicted.logits.shape[1])
    student = torch.log_softmax(predicted.logits[:, :rows] / temperature, dim=-1)
    target = torch.log_softmax(teacher[:, :rows] / temperature, dim=-1)
    return functional.kl_div(student, target, reduction="sum", log_target=True) * temperature**2


def generalised_jsd_loss(predicted: Predicted, teacher: Tensor, beta: float, temperature: float) -> Tensor:
    """Sum over learned tokens of beta KL(teacher || m) + (1 - beta) KL(student || m), m = beta teacher + (1 - beta)
    student, over the whole vocabulary (arXiv 2306.13649, section 2).

    At the ends it is what the paper says it becomes: KL(teacher || student) for 0, KL(student || teacher) for 1.
    teacher: as in `live_teacher_loss`; temperature: of both distributions.
    """
    rows = min(teacher.shape[1], predicted.logits.shape[1])
    student = torch.log_softmax(predicted.logits[:, :rows] / temperature, dim=-1)
    target = torch.log_softmax(teacher[:, :rows] / temperature, dim=-1)
    if beta in (0.0, 1.0):
        near, far = (target, student) if beta == 0 else (student, target)
        return functional.kl_div(far, near, reduction="sum", log_target=True)
    mixed = torch.logaddexp(target + math.log(beta), student + math.log(1 - beta))
    from_teacher = functional.kl_div(mixed, target, reduction="sum", log_target=True)
    return beta * from_teacher + (1 - beta) * functional.kl_div(mixed, student, reduction="sum", log_target=True)


def sequence_logprobs(predicted: Predicted, count: int) -> Tensor:
    """float32 [count]: log-probability of each sample's learned tokens."""
    each = -functional.cross_entropy(predicted.logits, predicted.targets, reduction="none")
    return torch.zeros(count, device=each.device).index_add(0, predicted.rows, each)


def preference_loss(policy: Tensor, reference: Tensor, beta: float) -> Loss:
    """DPO (arXiv 2305.18290, equation 7), summed over pairs.

    policy, reference: log-probabilities [2n], chosen and rejected of each pair in turn.
    """
    gain = beta * (policy - reference)
    margin = gain[0::2] - gain[1::2]
    loss = -functional.logsigmoid(margin)
    right = (margin > 0).float()
    return Loss(
        loss.sum(),
        {"margin": float(margin.detach().sum()), "chosen_preferred": float(right.sum())},
    )


def chosen_loss(policy: Tensor, predicted: Predicted) -> Tensor:
    """Sum over pairs of the chosen answer's cross-entropy, a mean over its tokens (arXiv 2404.19733, equation 1).

    policy: log-probabilities [2n] of chosen and rejected in turn, of the tokens that `predicted` holds.
    """
    lengths = torch.bincount(predicted.rows, minlength=len(policy))
    return -(policy / lengths)[0::2].sum()


def check_vocabulary(student: Any, teacher: Any) -> None:
    """Raises ValueError that says where two tokenizers differ: logprobs of one mean nothing to the other."""
    own, other = student.get_vocab(), teacher.get_vocab()
    if own == other:
        return
    differing = sorted((own.get(token, other.get(token, 0)), token) for token in own.keys() | other.keys()
                       if own.get(token) != other.get(token))  # fmt: skip
    number, token = differing[0]
    raise ValueError(
        f"the teacher's vocabulary is not the student's: {len(differing):,} tokens differ, the first is {token!r} "
        f"(student: {own.get(token)}, teacher: {other.get(token)}, near id {number}). Logit distillation needs the "
        "same tokenizer; distil from captions instead (student_sequence_kd)."
    )
