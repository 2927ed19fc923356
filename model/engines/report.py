"""What a run took: clips and tokens a second, and the share of the roofline."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any

from model.captioner import CaptionResult
from model.configs import open_checkpoint
from model.errors import ModelError
from model.plan import Gpu, clip_plan, gpu_named, network_sizes


class RunReport:
    """Counts; rates are derived. seconds: between asking for results and having them, pauses of the caller left out."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self.clips = self.failures = 0
        self.prompt_tokens = self.output_tokens = 0
        self.seconds = 0.0
        self._shapes: dict[tuple[int, int, int], int] = {}

    def counted(self, results: Iterable[CaptionResult], begun: float) -> Iterator[CaptionResult]:
        """Passes results on and adds them up; begun: when the work for them began."""
        done = list(results)
        self.seconds += time.perf_counter() - begun
        for result in done:
            self.clips += result.error is None
            self.failures += result.error is not None
            self.prompt_tokens += result.prompt_tokens
            self.output_tokens += result.output_tokens
            if result.error is None:
                shape = (len(result.frame_indices), result.vision_tokens, result.output_tokens)
                self._shapes[shape] = self._shapes.get(shape, 0) + 1
        yield from done

    @property
    def clips_per_second(self) -> float:
        return self.clips / self.seconds if self.seconds else 0.0

    @property
    def tokens_per_second(self) -> float:
        return self.output_tokens / self.seconds if self.seconds else 0.0

    def roofline_share(self, device: Gpu, rows: int | None = None) -> float | None:
        """Seconds at the roofline over seconds that it took, in [0, 1]; None for networks that have no plan.

        rows: clips that were decoded together. Frames of one clip count as equally large.
        """
        if not self.seconds:
            return None
        try:
            sizes = network_sizes(open_checkpoint(self._model.checkpoint))
        except ModelError:
            return None
        ideal = 0.0
        for (frames, tokens, written), count in self._shapes.items():
            per_frame = tokens * sizes.merge // max(1, frames)
            plan = clip_plan(sizes, (frames, 1, per_frame), device, new_tokens=max(1, written), batch=rows)
            ideal += count * (plan.compute_seconds + plan.memory_seconds)
        return ideal / self.seconds

    def _own_gpu(self) -> Gpu | None:
        place = getattr(self._model, "device", None)
        if place is None or place.type != "cuda":
            return None
        import torch  # noqa: PLC0415

        try:
            return gpu_named(torch.cuda.get_device_name(place))
        except ValueError:
            return None

    def lines(self, device: Gpu | None = None, rows: int | None = None) -> list[str]:
        """For people. device: whose roofline; by default that of the GPU on which the model is, if it is known."""
        device = device or self._own_gpu()
        total = f"{self.clips} texts in {self.seconds:.1f} s: {self.clips_per_second:.2f} texts/s, "
        lines = [total + f"{self.tokens_per_second:.1f} tokens/s written, {self.prompt_tokens} read"]
        if self.failures:
            lines.append(f"requests that failed: {self.failures}")
        share = self.roofline_share(device, rows) if device else None
        if share is not None and device:
            basis = "measured" if device.measured else "datasheet"
            lines.append(f"{share:.0%} of the roofline of {device.name} ({basis} {device.matmul_tflops:.3g} TFLOP/s)")
        return lines
