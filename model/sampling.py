"""Which frames of a video are looked at. The rules are those of Tarsier (v1 branch) and Tarsier2 (v2 branch).

Indices count frames in presentation order from 0. Nothing here opens a file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Literal

Sampler = Literal["v1", "v2"]


@dataclass(frozen=True)
class Selection:
    """indices: the chosen frames in the order they are shown. dropped: asked for, but outside the video."""

    indices: tuple[int, ...]
    dropped: tuple[int, ...] = ()


def uniform_v1(total: int, n: int) -> list[int]:
    """n indices from the first to the last frame, both included; all of them where there are no more than n."""
    if n == 1:
        return [0]
    if total <= n:
        return list(range(total))
    return [round(i * (total - 1) / (n - 1)) for i in range(n)]  # Python rounds half to even, and so does the original


def uniform_v2(total: int, n: int, rng: Random | None = None) -> list[int]:
    """One index of each of n nearly equal runs, the first total % n of them longer by one.

    With `rng` a random one (training), without the middle one (test). All indices where there are no more than n.
    """
    if total <= n:
        return list(range(total))
    length, longer = divmod(total, n)
    indices, start = [], 0
    for run in range(n):
        size = length + (run < longer)
        indices.append(start + (rng.randrange(size) if rng else (size + 1) // 2 - 1))
        start += size
    return indices


def uniform_tarsier1(total: int, n: int, start: int = 0) -> list[int]:
    """The first Tarsier's rule: always n indices, so frames repeat where total < n; n = 1 is the video's frame 0."""
    if n == 1:
        return [0]
    return [round(i * (total - 1) / (n - 1)) + start for i in range(n)]


def spread(total: int, n: int, sampler: Sampler, rng: Random | None = None) -> list[int]:
    """n of `total` frames by Tarsier2's sampler v1 (ignores rng) or v2."""
    return uniform_v1(total, n) if sampler == "v1" else uniform_v2(total, n, rng)


def select_frames(
    total: int, fps: float | None, item: Mapping[str, Any], n: int, sampler: Sampler = "v1", rng: Random | None = None
) -> Selection:
    """Tarsier2's choice for one video item of `total` frames with n frames allotted.

    item may hold `frame_indices`, `time_indices` (seconds), `fps`, `start_frame` and `end_frame`, or `start_time` and
    `end_time` (seconds, both or neither), in this order of precedence; ends are inclusive. What lies outside the
    video is dropped, except a last index equal to its length. fps: of the video, needed by keys in seconds.
    Raises ValueError: a rate above twice the video's, or a key in seconds without fps.
    """
    if "frame_indices" in item:
        return _inside(total, [int(i) for i in item["frame_indices"]])
    if "time_indices" in item:
        return _inside(total, [round(t * _known(fps, "time_indices")) for t in item["time_indices"]])
    if item.get("fps") is not None:
        step = round(_known(fps, "fps") / item["fps"])
        if step < 1:
            raise ValueError(f"fps is {item['fps']}, more than twice the video's {fps}. Ask for at most the video's.")
        indices = list(range(0, total, step))
        if len(indices) <= n:
            return _inside(total, indices)
    start, end = _span(total, fps, item)
    if end < start:
        return Selection((), (start,))
    return _inside(total, [start + i for i in spread(end - start + 1, n, sampler, rng)])


def _span(total: int, fps: float | None, item: Mapping[str, Any]) -> tuple[int, int]:
    """First and last frame, both included; a last one equal to the length is the last frame, others are not clamped."""
    if item.get("start_time") is not None and item.get("end_time") is not None:
        rate = _known(fps, "start_time")
        start, end = round(item["start_time"] * rate), round(item["end_time"] * rate)
    else:
        start = round(item["start_frame"]) if item.get("start_frame") is not None else 0
        end = round(item["end_frame"]) if item.get("end_frame") is not None else total - 1
    return start, total - 1 if end == total else end


def _inside(total: int, indices: Sequence[int]) -> Selection:
    asked = list(indices)
    if asked and asked[-1] == total:
        asked[-1] = total - 1
    return Selection(tuple(i for i in asked if 0 <= i < total), tuple(i for i in asked if not 0 <= i < total))


def _known(fps: float | None, key: str) -> float:
    if not fps:
        raise ValueError(f"{key!r} counts seconds, and the frame rate of these pictures is not known.")
    return fps


def allot_frames(
    videos: Sequence[Mapping[str, Any]], num_images: int, n_frames: int, max_n_frames: int = 256, divisor: int = 1
) -> list[int]:
    """How many frames each video item of a sample may show, as Tarsier2 shares them out.

    An image counts one; `frame_indices` and `time_indices` count their length and are fixed; `min_n_frames` videos
    start there, `fps` videos at max_n_frames, others at 0. Frames are handed out one by one until the sample has
    n_frames, or taken back until it has no more than max_n_frames; then shares that are not fixed are rounded up to
    `divisor`.
    Raises ValueError where fixed indices or images alone exceed max_n_frames, which would leave negative shares.
    """
    shares = [_first_share(video, max_n_frames) for video in videos]
    open_to_change = [i for i, video in enumerate(videos) if not _is_fixed(video)]
    total = num_images + sum(shares)
    if open_to_change:
        total = _hand_out(shares, open_to_change, total, n_frames)
        _take_back(shares, open_to_change, total, max_n_frames)
    return [
        share if _is_fixed(video) else -(-share // divisor) * divisor
        for share, video in zip(shares, videos, strict=True)
    ]


def _is_fixed(video: Mapping[str, Any]) -> bool:
    return "frame_indices" in video or "time_indices" in video


def _first_share(video: Mapping[str, Any], max_n_frames: int) -> int:
    if "frame_indices" in video:
        return len(video["frame_indices"])
    if "time_indices" in video:
        return len(video["time_indices"])
    if video.get("min_n_frames") is not None:
        return int(video["min_n_frames"])
    return max_n_frames if video.get("fps") is not None else 0


def _hand_out(shares: list[int], to: Sequence[int], total: int, wanted: int) -> int:
    turn = 0
    while total < wanted:
        shares[to[turn % len(to)]] += 1
        total, turn = total + 1, turn + 1
    return total


def _take_back(shares: list[int], of: Sequence[int], total: int, limit: int) -> None:
    turn = 0
    while total > limit:
        if all(shares[i] == 0 for i in of):
            raise ValueError(f"{total} fixed frames exceed max_n_frames = {limit}. Ask for fewer, or raise the limit.")
        if shares[of[turn % len(of)]] > 0:
            shares[of[turn % len(of)]] -= 1
            total -= 1
        turn += 1
