"""RAFT optical flow from torchvision, and LVD-2M's motion score made of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.errors import ModelError
from model.tensor_files import read_tensors

LVD_HEIGHT, LVD_WIDTH = 520, 960  # LVD-2M, section 3: what frames are resized to


class Raft:
    """Flow between frames. name: "small" or "large". weights: a .pth or .safetensors file, or None for torchvision's
    own, which are fetched once. batch: pairs that run together. Raises ModelError: weights that cannot be had or do
    not fit.
    """

    def __init__(
        self,
        name: str = "large",
        *,
        weights: str | Path | None = None,
        device: str = "cpu",
        batch: int = 1,
        updates: int = 12,
    ) -> None:
        if name not in ("small", "large"):
            raise ValueError(f"name must be 'small' or 'large', got {name!r}.")
        if batch < 1 or updates < 1:
            raise ValueError(f"batch and updates must be >= 1, got {batch} and {updates}.")
        self._device = torch.device(device)
        self._batch, self._updates = batch, updates
        self._network = _network(name, Path(weights) if weights else None).to(self._device).eval()

    def flow(self, first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.float32]:
        """float32 [N, H, W, 2], pixels to the right and down, from uint8 [N, H, W, 3] RGB to as many others.

        Sizes that are no multiples of 8 are padded at their edges, and the flow is cut back.
        """
        _check(first)
        _check(second)
        if first.shape != second.shape:
            raise ValueError(f"first and second must have one shape, got {list(first.shape)} and {list(second.shape)}.")
        parts = [
            self._pairs(first[i : i + self._batch], second[i : i + self._batch])
            for i in range(0, len(first), self._batch)
        ]
        return np.concatenate(parts) if parts else np.zeros((*first.shape[:3], 2), np.float32)

    def mean_magnitudes(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        """float32 [T-1]: mean length of the flow between neighbours of uint8 [T, H, W, 3] RGB, in pixels of that
        size."""
        flow = self.flow(frames[:-1], frames[1:])
        return np.sqrt((flow**2).sum(axis=3)).mean(axis=(1, 2), dtype=np.float64).astype(np.float32)

    @torch.inference_mode()
    def _pairs(self, first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.float32]:
        height, width = first.shape[1:3]
        a, b = self._ready(first), self._ready(second)
        flow = self._network(a, b, num_flow_updates=self._updates)[-1]
        return flow[:, :, :height, :width].permute(0, 2, 3, 1).cpu().numpy()

    def _ready(self, frames: NDArray[np.uint8]) -> Tensor:
        """float32 in [-1, 1], padded to multiples of 8."""
        pixels = torch.from_numpy(np.ascontiguousarray(frames)).to(self._device).permute(0, 3, 1, 2).float()
        scaled = pixels.div_(127.5).sub_(1.0)
        down, right = -scaled.shape[2] % 8, -scaled.shape[3] % 8
        if not down and not right:
            return scaled
        return torch.nn.functional.pad(scaled, (0, right, 0, down), mode="replicate")


def flow_raft_lvd(frames: Sequence[NDArray[np.uint8]] | NDArray[np.uint8], raft: Raft) -> float | None:
    """LVD-2M's motion score of frames sampled at 2 a second, uint8 [H, W, 3] RGB of any size: the mean flow between
    neighbours at 520 x 960, in pixels; None for fewer than two frames. LVD-2M keeps clips of 20 and more.

    The shape of the picture is not kept, as torchvision's example does it.
    """
    if len(frames) < 2:
        return None
    return float(raft.mean_magnitudes(np.stack([lvd_frame(frame) for frame in frames])).mean(dtype=np.float64))


def lvd_frame(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8 [520, 960, 3]: bilinear with antialiasing, as torchvision resizes."""
    from torchvision.transforms.v2 import functional as transforms  # noqa: PLC0415

    if frame.shape[:2] == (LVD_HEIGHT, LVD_WIDTH):
        return frame
    pixels = torch.from_numpy(np.ascontiguousarray(frame)).permute(2, 0, 1)
    resized = transforms.resize(pixels, [LVD_HEIGHT, LVD_WIDTH], antialias=True)
    return resized.permute(1, 2, 0).contiguous().numpy()


def _check(frames: NDArray[np.uint8]) -> None:
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[3] != 3:
        raise ValueError(f"frames must be uint8 [N, H, W, 3] RGB, got {frames.dtype} {list(frames.shape)}.")
    if min(frames.shape[1:3]) < 128:
        raise ValueError(f"RAFT needs frames of 128 pixels and more, got {frames.shape[2]}x{frames.shape[1]}.")


def _network(name: str, weights: Path | None) -> Any:
    from torchvision.models.optical_flow import (  # noqa: PLC0415
        Raft_Large_Weights,
        Raft_Small_Weights,
        raft_large,
        raft_small,
    )

    build = raft_large if name == "large" else raft_small
    if weights is None:
        published = Raft_Large_Weights.DEFAULT if name == "large" else Raft_Small_Weights.DEFAULT
        try:
            return build(weights=published)
        except OSError as error:
            detail = f"RAFT's weights cannot be fetched ({error}). Fetch {published.url} elsewhere and name the file."
            raise ModelError("not_installed", detail) from error
    network = build(weights=None)
    state = read_tensors(weights)
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise ModelError("weights_do_not_fit", f"{weights}: {error}") from error
    return network
