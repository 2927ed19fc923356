"""What learns: a network, its optimiser, the running mean; one step, and everything that a checkpoint must hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from train.network.forward import PackedNetwork, Predicted
from train.network.schedule import RunningMean, lr_at
from train.network.towers import groups_of, learning
from train.objectives import Loss
from train.packs import packs_of
from train.parallel import Parallel, split_like, whole
from train.reading import Ready
from train.settings import Recipe

MOMENTS = ("exp_avg", "exp_avg_sq", "step")
Objective = Callable[[Predicted, Sequence[Ready]], Loss]


@dataclass
class StepResult:
    """Sums of one step over all processes, and the norm of its gradient before clipping."""

    loss: float = 0.0
    count: float = 0.0
    tokens: int = 0
    learned_tokens: int = 0
    samples: int = 0
    grad_norm: float = 0.0
    lr: float = 0.0
    parts: dict[str, float] = field(default_factory=dict)


class Learner:
    """steps: of the whole run, which the schedule needs. count_of: what the loss of a sample is divided by.

    answers: writes answers of its own into a step's samples before they are learned from.
    """

    def __init__(
        self,
        module: PackedNetwork,
        recipe: Recipe,
        steps: int,
        parallel: Parallel,
        objective: Objective,
        count_of: Callable[[Ready], int],
        answers: Callable[[Sequence[Ready]], Sequence[Ready]] | None = None,
    ) -> None:
        self.module, self._recipe, self._steps, self._parallel = module, recipe, steps, parallel
        self._objective, self._count_of, self._answers = objective, count_of, answers
        parallel.share_out(module)
        settings = recipe.optimiser
        self.optimiser = torch.optim.AdamW(
            groups_of(module, settings),
            betas=settings.betas,
            eps=settings.eps,
            fused=parallel.device.type == "cuda",
        )
        self.mean = RunningMean(module, recipe.ema) if recipe.ema is not None else None
        self._spare: list[Ready] = []

    def step(self, number: int, samples: Sequence[Ready]) -> StepResult:
        """One step, counted from 0, over this process's samples."""
        result = StepResult(lr=lr_at(number, self._steps, self._recipe.optimiser))
        for group in self.optimiser.param_groups:
            group["lr"] = result.lr * group["lr_share"]
        if self._answers:
            with self._parallel.computing(self._recipe.precision):
                samples = self._answers(samples)
        (result.count,) = self._parallel.sums(float(sum(self._count_of(sample) for sample in samples)))
        if result.count:
            self._accumulate(samples, result)
            self._parallel.sum_gradients(self.module)
            result.grad_norm = self._clip()
            self.optimiser.step()
            self.optimiser.zero_grad(set_to_none=True)
        if self.mean:
            self.mean.update(self.module, number)
        return self._summed(result, samples)

    def _accumulate(self, samples: Sequence[Ready], result: StepResult) -> None:
        lengths = [sum(len(prompt.input_ids) for prompt in sample.prompts) for sample in samples]
        packs = [[samples[n] for n in pack] for pack in packs_of(lengths, self._recipe.pack_tokens)]
        if packs:
            self._spare = packs[-1][-1:]
        wanted = self._parallel.packs_everywhere(len(packs))
        for number in range(wanted):
            pack, share = (packs[number], 1.0) if number < len(packs) else (self._spare, 0.0)
            with self._parallel.computing(self._recipe.precision):
                predicted = self.module([prompt for sample in pack for prompt in sample.prompts])
                loss = self._objective(predicted, pack)
            (loss.total * (share * self._parallel.loss_factor / result.count)).backward()
            if share:
                result.loss += float(loss.total.detach())
                for name, value in loss.parts.items():
                    result.parts[name] = result.parts.get(name, 0.0) + value

    def _clip(self) -> float:
        weights = [weight for _, weight in learning(self.module)]
        limit = self._recipe.optimiser.clip_norm
        norm = torch.nn.utils.clip_grad_norm_(weights, float("inf") if limit is None else limit)
        return float(whole(norm))

    def _summed(self, result: StepResult, samples: Sequence[Ready]) -> StepResult:
        prompts = [prompt for sample in samples for prompt in sample.prompts]
        names = sorted(result.parts)
        loss, tokens, learned, count, *parts = self._parallel.sums(
            result.loss,
            sum(len(prompt.input_ids) for prompt in prompts),
            sum(int(prompt.learned[1:].sum()) for prompt in prompts),
            len(samples),
            *(result.parts[name] for name in names),
        )
        divisor = result.count or 1.0
        result.loss = loss / divisor
        result.tokens, result.learned_tokens, result.samples = int(tokens), int(learned), int(count)
        result.parts = {name: value / divisor for name, value in zip(names, parts, strict=True)}
        return result

    def tensors(self) -> dict[str, dict[str, Tensor]]:
        """All that a later start needs, whole; every process must ask."""
        found = {
            "weights": {name: whole(weight.detach()) for name, weight in learning(self.module)},
            "moments": {},
            "random": {"cpu": torch.get_rng_state()},
        }
        for name, weight in learning(self.module):
            state = self.optimiser.state.get(weight, {})
            found["moments"] |= {f"{name}:{key}": whole(state[key]) for key in MOMENTS if key in state}
        if self.mean:
            found["mean"] = {name: whole(weight) for name, weight in self.mean.weights.items()}
        if self._parallel.device.type == "cuda":
            found["random"]["cuda"] = torch.cuda.get_rng_state(self._parallel.device)
        return found

    @torch.no_grad()
    def restore(self, tensors: dict[str, dict[str, Tensor]]) -> None:
        """Becomes what `tensors` described, bit by bit."""
        moments = tensors["moments"]
        for name, weight in learning(self.module):
            weight.copy_(split_like(tensors["weights"][name], weight))
            if f"{name}:step" in moments:
                self.optimiser.state[weight] = {
                    "step": moments[f"{name}:step"].to(weight.device if weight.is_cuda else "cpu"),
                    "exp_avg": split_like(moments[f"{name}:exp_avg"], weight),
                    "exp_avg_sq": split_like(moments[f"{name}:exp_avg_sq"], weight),
                }
        if self.mean:
            for name, own in self.mean.weights.items():
                self.mean.weights[name] = split_like(tensors["mean"][name], own)
        torch.set_rng_state(tensors["random"]["cpu"])
        if "cuda" in tensors["random"] and self._parallel.device.type == "cuda":
            torch.cuda.set_rng_state(tensors["random"]["cuda"], self._parallel.device)
