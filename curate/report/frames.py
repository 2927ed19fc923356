"""Frames of the source videos as small JPEGs inside the page; where a file is gone the page says so and goes on."""

from __future__ import annotations

from base64 import b64encode
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from html import escape

import cv2

from curate.report.numbers import Moment
from media.errors import MediaError
from media.sample import sample

SIDE = 160
QUALITY = 62
CUT_TIMES_US = (-600_000, -200_000, -40_000, 0, 160_000, 560_000)
"""Around a cut: before its first frame, and after its last."""


def clip_times(moment: Moment) -> list[int]:
    """Near the start, in the middle, near the end of a clip."""
    length = moment.end_us - moment.start_us
    return [moment.start_us + length * part // 100 for part in (8, 50, 92)]


def cut_times(moment: Moment) -> list[int]:
    """Three moments before a cut and three after it."""
    return [max(0, (moment.start_us if at < 0 else moment.end_us) + at) for at in CUT_TIMES_US]


def strips(
    moments: Sequence[Moment], times_of: Callable[[Moment], list[int]], resolve: Callable[[str], str]
) -> list[str]:
    """Each moment as a row of pictures with its text, in order. A video is opened once, however many ask for it."""
    wanted: dict[str, set[int]] = defaultdict(set)
    for moment in moments:
        wanted[moment.uri].update(times_of(moment))
    pictures: dict[str, dict[int, str] | str] = {uri: _pictures(resolve(uri), times) for uri, times in wanted.items()}
    return [_strip(moment, times_of(moment), pictures[moment.uri]) for moment in moments]


def _pictures(source: str, times: Iterable[int]) -> dict[int, str] | str:
    """Each time's frame as the data of an image; a text that says why there are none."""
    asked = sorted(times)
    try:
        frames = sample(source, asked, max_side=SIDE).frames
    except MediaError as error:
        return f"no pictures: {error.reason}"
    except OSError:
        return "no pictures: the file cannot be read"
    return {at: _jpeg(frame.bgr) for at, frame in zip(asked, frames, strict=True)}


def _jpeg(picture: cv2.typing.MatLike) -> str:
    done, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    assert done, "JPEG holds every 8-bit picture"
    return f"data:image/jpeg;base64,{b64encode(data.tobytes()).decode()}"


def _strip(moment: Moment, times: Sequence[int], pictures: dict[int, str] | str) -> str:
    text = escape(moment.text)
    if isinstance(pictures, str):
        return f'<div class="strip"><p>{text}</p><p class="gone">{escape(pictures)}</p></div>'
    images = "".join(f'<img src="{pictures[at]}" alt="{text}, frame at {at / 1e6:.2f} s">' for at in times)
    return f'<div class="strip"><p>{text}</p><div class="frames">{images}</div></div>'
