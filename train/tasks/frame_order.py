"""Frames of a clip in a wrong order, and the right one: a task of Tarsier2's pre-training (arXiv 2501.07888, Table 13).

As in the released parser: 8 to 24 frames, of whose order the first three eighths are given.
"""

from __future__ import annotations

from train.tasks.clip_frames import ClipFrames
from train.tasks.rule import Messages, Row, SampleRule, Unfit, asked, random_of

FEWEST, MOST = 8, 24


def frame_order(row: Row, rule: SampleRule, clip: ClipFrames) -> Messages:
    """Shuffled frames; the answer holds, in the order of time, the numbers under which they are shown, from 1.

    Raises Unfit: the clip has fewer than 8 frames.
    """
    if len(clip) < FEWEST:
        raise Unfit("too_few_frames", f"an order needs {FEWEST} frames, the clip has {len(clip)}.")
    random = random_of(row, rule)
    count = random.randint(FEWEST, min(MOST, len(clip)))
    places = sorted(random.sample(range(len(clip)), count))
    shown = random.sample(range(count), count)  # shown[i]: which frame in time stands at place i
    order = [shown.index(moment) + 1 for moment in range(count)]
    given = count * 3 // 8
    prompt = (
        f"{count} frames of a video are shown in a wrong order, numbered from 1. In the right order the first ones are "
        f"{', '.join(map(str, order[:given]))}. Give the numbers of the others in the right order, one a line."
    )
    return asked([clip.item([places[moment] for moment in shown])], prompt, "\n".join(map(str, order[given:])))
