"""How a sample's pictures are chosen and sized."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from model.errors import ModelError
from model.sampling import Sampler


@dataclass(frozen=True)
class Tarsier2Settings:
    """Defaults are those of the released Tarsier2 (16 frames, 460,800 pixels, sampler v1).

    n_frames: of a whole sample; several numbers mean a random one a sample. max_tokens: a longer prompt loses text on
    its right, and is refused where that would cut a picture. frames_divisor: frames are padded with black to a
    multiple. double_frames: each frame fills a temporal patch of two alone. crop, pad, stretch: to 4:3 by cutting the
    longer side, to a square by black borders, to a square by stretching. training: sampler v2 chooses at random.
    """

    n_frames: int | tuple[int, ...] = 16
    max_n_frames: int = 256
    max_pixels: int = 460_800
    min_pixels: int = 0
    max_tokens: int = 16_384
    sampler: Sampler = "v1"
    frames_divisor: int = 1
    double_frames: bool = True
    crop: bool = False
    pad: bool = False
    stretch: bool = False
    training: bool = False

    def __post_init__(self) -> None:
        counts = self.n_frames if isinstance(self.n_frames, tuple) else (self.n_frames,)
        if not counts or min(counts) < 1:
            raise ValueError(f"n_frames must be >= 1, got {self.n_frames}.")
        for name in ("max_n_frames", "max_pixels", "max_tokens", "frames_divisor"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be >= 1, got {getattr(self, name)}.")
        if self.sampler not in ("v1", "v2"):
            raise ValueError(f"sampler must be 'v1' or 'v2', got {self.sampler!r}.")

    @classmethod
    def from_original(cls, config: Mapping[str, Any]) -> Tarsier2Settings:
        """Settings from the names of the original's yaml file; names that have no effect on one sample are ignored."""
        video = config.get("video_sampling_strategy", {})
        n_frames = config.get("n_frames", 16)
        return cls(
            n_frames=tuple(n_frames) if isinstance(n_frames, list | tuple) else n_frames,
            max_n_frames=config.get("max_n_frames", 256),
            max_pixels=config.get("max_pixels", 460_800),
            min_pixels=config.get("min_pixels", 0),
            max_tokens=config.get("max_seq_len", 16_384),
            sampler=video.get("video_sampler_version", "v1"),
            frames_divisor=video.get("force_frames_n_divisible", 1),
            double_frames=video.get("use_multi_images_for_video", True),
            crop=config.get("do_image_crop", False),
            pad=config.get("do_image_padding", False),
            stretch=config.get("do_image_resize", False),
            training=config.get("is_training", False),
        )

    def for_row(self, row: Any) -> Tarsier2Settings:
        """These settings with what a sample row's `image_processing_config` changes."""
        own = row.get("image_processing_config") if isinstance(row, Mapping) else None
        if not own:
            return self
        if not isinstance(own, Mapping):
            raise ModelError("bad_message", f"image_processing_config must be a mapping, got {own!r}.")
        if own.get("do_crop") and own.get("has_coordinates"):
            raise ModelError("bad_message", "do_crop would make the coordinates in the text wrong.")
        names = {"do_padding": "pad", "do_crop": "crop", "do_resize": "stretch"}
        known = {"max_pixels", "min_pixels", *names}
        return replace(self, **{names.get(str(key), str(key)): value for key, value in own.items() if key in known})


@dataclass(frozen=True)
class Tarsier1Settings:
    """n_frames: of a video; shorter videos repeat frames. pad: to a square with CLIP's mean colour, not stretched."""

    n_frames: int = 8
    pad: bool = False
    max_tokens: int = 8_192

    def __post_init__(self) -> None:
        if self.n_frames < 1:
            raise ValueError(f"n_frames must be >= 1, got {self.n_frames}.")
