"""Several pictures, described in order from one of them on: a task of Tarsier's pre-training."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from random import Random

from train.tasks.clip_frames import ClipFrames
from train.tasks.rule import Messages, Row, SampleRule, asked, number_of, prompt_of, split_of

ONE = "Describe the picture."


def groups_of(rows: Iterable[Row], rule: SampleRule) -> Iterator[list[Row]]:
    """Rows of one split in groups of one to `n_frames`, in an order of chance; a last group may be smaller."""
    by_split: dict[str, list[Row]] = {}
    for row in rows:
        split = split_of(row["video_id"], rule.validation, rule.test, rule.seed)
        by_split.setdefault(split, []).append(row)
    for _, own in sorted(by_split.items()):
        own.sort(key=lambda row: number_of(row["caption_id"], rule.seed))
        random = Random(number_of(own[0]["caption_id"], rule.seed))
        start = 0
        while start < len(own):
            count = random.randint(1, rule.n_frames)
            yield own[start : start + count]
            start += count


def multi_image(rows: Sequence[Row], rule: SampleRule, clips: Sequence[ClipFrames]) -> Messages:
    """The middle frame of each clip. One is described alone; of several, those from a random one on, a line each."""
    pictures = [clip.picture(len(clip) // 2) for clip in clips]
    if len(rows) == 1:
        prompt = ONE if rule.prompts == SampleRule.prompts else prompt_of(rows[0], rule)
        return asked(pictures, prompt, rows[0]["text"])
    start = Random(number_of(rows[0]["caption_id"], rule.seed + 1)).randrange(len(rows))
    prompt = (
        f"Here are {len(rows)} pictures. Describe them one after the other from picture {start + 1} on, a line each."
    )
    return asked(pictures, prompt, "\n".join(" ".join(row["text"].split()) for row in rows[start:]))
