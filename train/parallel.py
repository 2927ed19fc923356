"""Several processes that learn as one: gradients summed (ddp), or weights, gradients and moments split up (fsdp).

Started by torchrun, which sets RANK, WORLD_SIZE and LOCAL_RANK. Processes may hold different numbers of packs, because
gradients are summed once a step and not by hooks in each backward pass.
"""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal

import torch
from torch import Tensor, distributed, nn

from train.network.forward import stock_of
from train.network.towers import learning

Sharing = Literal["ddp", "fsdp"]
BUCKET_BYTES = 256 << 20


class Parallel:
    """This process among those of a run; alone where torchrun did not start it. device: where it computes."""

    def __init__(self, device: str, sharing: Sharing = "ddp") -> None:
        self.rank, self.world = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
        self.sharing: Sharing = sharing
        local = os.environ.get("LOCAL_RANK", "0")
        self.device = torch.device(f"cuda:{local}" if device == "cuda" and self.world > 1 else device)
        if self.world > 1:
            if self.device.type == "cuda":
                torch.cuda.set_device(self.device)
            distributed.init_process_group("nccl" if self.device.type == "cuda" else "gloo")

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def share_out(self, module: Any) -> None:
        """fsdp: splits each layer of the text model and of the tower, and then the rest, over the processes."""
        if self.world == 1 or self.sharing == "ddp":
            return
        from torch.distributed.device_mesh import init_device_mesh  # noqa: PLC0415
        from torch.distributed.fsdp import fully_shard  # noqa: PLC0415

        mesh = init_device_mesh(self.device.type, (self.world,))
        names = set(stock_of(module.network)._no_split_modules or ()) | {"Qwen2VLDecoderLayer", "LlamaDecoderLayer"}
        for layer in [one for one in module.modules() if type(one).__name__ in names]:
            fully_shard(layer, mesh=mesh)
        fully_shard(module, mesh=mesh)

    def packs_everywhere(self, own: int) -> int:
        """How many passes each process makes in a step; with fsdp all make equally many."""
        if self.world == 1 or self.sharing == "ddp":
            return own
        most = torch.tensor([own], device=self.device)
        distributed.all_reduce(most, op=distributed.ReduceOp.MAX)
        return int(most)

    def sums(self, *values: float) -> list[float]:
        """Each value summed over the processes, in float64."""
        if self.world == 1:
            return list(values)
        total = torch.tensor(values, dtype=torch.float64, device=self.device)
        distributed.all_reduce(total)
        return total.tolist()

    @property
    def loss_factor(self) -> float:
        """What a loss that is divided by the whole step's count is multiplied with: fsdp means over the processes."""
        return float(self.world) if self.sharing == "fsdp" else 1.0

    @torch.no_grad()
    def sum_gradients(self, module: nn.Module) -> None:
        """ddp: each process gets the sum of all gradients, in a few large messages."""
        if self.world == 1 or self.sharing == "fsdp":
            return
        bucket: list[Tensor] = []
        size = 0
        for _, weight in learning(module):
            if weight.grad is None:
                weight.grad = torch.zeros_like(weight)
            bucket.append(weight.grad)
            size += weight.grad.numel() * weight.grad.element_size()
            if size >= BUCKET_BYTES:
                _summed(bucket)
                bucket, size = [], 0
        if bucket:
            _summed(bucket)

    def computing(self, precision: str) -> AbstractContextManager[Any]:
        """The numbers that a pass computes in: "float32", or "bfloat16" wherever that is safe."""
        return torch.autocast(self.device.type, dtype=torch.bfloat16) if precision == "bfloat16" else nullcontext()

    def barrier(self) -> None:
        if self.world > 1:
            distributed.barrier()

    def close(self) -> None:
        if self.world > 1 and distributed.is_initialized():
            distributed.destroy_process_group()


def _summed(gradients: list[Tensor]) -> None:
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    distributed.all_reduce(flat)
    for gradient, own in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(own.view_as(gradient))


def whole(value: Tensor) -> Tensor:
    """A tensor that is split over processes, put together on each of them (all must ask); others as they are."""
    return value.full_tensor() if hasattr(value, "full_tensor") else value  # pyright: ignore[reportAttributeAccessIssue]


def split_like(value: Tensor, like: Tensor) -> Tensor:
    """A whole tensor, split as another one is."""
    if not hasattr(like, "full_tensor"):
        return value.to(like.device)
    from torch.distributed.tensor import distribute_tensor  # noqa: PLC0415

    return distribute_tensor(value.to(like.device), like.device_mesh, like.placements)  # pyright: ignore
