"""Sizes and shapes of frames: the shrinking pixel budget, two bicubic resizes, crops and pads. Pictures are PIL's."""

from __future__ import annotations

import math

from PIL import Image

SAMPLE_PIXELS = 128 * 384 * 384  # all pictures of a Tarsier2 sample share this budget, each frame counted twice
MAX_RATIO = 200


def smart_resize(height: int, width: int, factor: int, min_pixels: int, max_pixels: int) -> tuple[int, int]:
    """(height, width), multiples of factor with min_pixels <= area <= max_pixels, near the given shape.

    Raises ValueError: a side shorter than factor, or sides that differ by more than 200 times. Newer libraries enlarge
    short sides silently; the network was never trained on that. Source: the image processor of Qwen2-VL.
    """
    if height < factor or width < factor:
        raise ValueError(f"a picture of {width}x{height} has a side below {factor} pixels. Give a larger one.")
    if max(height, width) / min(height, width) > MAX_RATIO:
        raise ValueError(f"a picture of {width}x{height} is more than {MAX_RATIO} times longer than broad.")
    new_height, new_width = round(height / factor) * factor, round(width / factor) * factor
    if new_height * new_width > max_pixels:
        scale = math.sqrt(height * width / max_pixels)
        new_height = math.floor(height / scale / factor) * factor
        new_width = math.floor(width / scale / factor) * factor
    elif new_height * new_width < min_pixels:
        scale = math.sqrt(min_pixels / (height * width))
        new_height = math.ceil(height * scale / factor) * factor
        new_width = math.ceil(width * scale / factor) * factor
    return new_height, new_width


def pixel_budget(num_pictures: int, min_pixels: int, max_pixels: int) -> tuple[int, int]:
    """(min_pixels, max_pixels) of each picture where a sample holds so many. Raises ValueError if min > max."""
    if min_pixels > max_pixels:
        raise ValueError(f"min_pixels is {min_pixels}, above max_pixels {max_pixels}.")
    shared = SAMPLE_PIXELS // max(1, num_pictures)
    if shared < max_pixels:
        return min(min_pixels, shared), shared
    return min_pixels, max_pixels


def resize(picture: Image.Image, width: int, height: int) -> Image.Image:
    """Bicubic. One axis after the other: Pillow 13 chooses the order itself and then differs by some grey levels."""
    if picture.width != width:
        picture = picture.resize((width, picture.height), Image.Resampling.BICUBIC)
    if picture.height != height:
        picture = picture.resize((width, height), Image.Resampling.BICUBIC)
    return picture


def crop_to_4_3(picture: Image.Image) -> Image.Image:
    """The middle of the longer side, so that no side is longer than 4/3 of the other."""
    width, height = picture.size
    new_width, new_height = min(width, int(height * 4 / 3)), min(height, int(width * 4 / 3))
    left, top = (width - new_width) // 2, (height - new_height) // 2
    return picture.crop((left, top, left + new_width, top + new_height))


def pad_to_square(picture: Image.Image, colour: tuple[int, int, int] = (0, 0, 0)) -> Image.Image:
    """The picture in the middle of a square of its longer side."""
    side = max(picture.size)
    square = Image.new("RGB", (side, side), colour)
    square.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    return square


def stretch_to_square(picture: Image.Image) -> Image.Image:
    """A square of the longer side; the shape is lost."""
    side = max(picture.size)
    return resize(picture, side, side)
