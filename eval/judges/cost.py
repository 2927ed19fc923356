"""What judging will cost, said before it begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from eval.autodq.samples import Sample
from eval.judges.opinions import Remembered
from eval.prompts.library import Prompt

CHARACTERS_A_TOKEN = 4.0
USUAL_EVENTS = 6
"""Events of a caption, as DREAM-1K's annotators saw them, where it is not known yet."""
TOKENS_AN_EVENT, TOKENS_A_LABEL = 12, 6


@dataclass(frozen=True)
class Estimate:
    """Questions that are still to be asked, their tokens, and dollars."""

    questions: int
    prompt_tokens: int
    output_tokens: int
    usd: float

    def line(self) -> str:
        """For people."""
        return (
            f"about {self.questions} questions, {self.prompt_tokens:,} tokens to read, "
            f"{self.output_tokens:,} to write, {self.usd:.2f} USD"
        )


def estimate(
    samples: Sequence[Sample],
    prompts: Mapping[str, Prompt],
    remembered: Remembered,
    usd_read: float,
    usd_written: float,
) -> Estimate:
    """Of `open`; `official` asks as many questions with longer answers. usd: price of a million tokens."""
    questions = read = written = 0
    extract, entail = prompts["open-extract"], prompts["open-entail"]
    for sample in samples:
        if sample.failed_before or not (sample.prediction or "").strip():
            continue
        prediction = (sample.prediction or "").strip()
        told: list[tuple[str, Sequence[str] | None]] = [(prediction, sample.events)]
        for text, given in ((sample.reference, sample.events), (prediction, None)):
            if given is None and remembered.events(extract.key, text) is None:
                questions += 1
                read += _tokens(extract.text, text)
                written += USUAL_EVENTS * TOKENS_AN_EVENT
        told.append((sample.reference, remembered.events(extract.key, prediction)))
        for text, events in told:
            unknown = USUAL_EVENTS if events is None else len(_unknown(events, text, entail, remembered))
            if unknown:
                questions += 1
                read += _tokens(entail.text, text) + unknown * TOKENS_AN_EVENT
                written += unknown * TOKENS_A_LABEL
    return Estimate(questions, read, written, (read * usd_read + written * usd_written) / 1e6)


def _unknown(events: Sequence[str], text: str, entail: Prompt, remembered: Remembered) -> list[str]:
    return [event for event in events if remembered.label(entail.key, text, event) is None]


def _tokens(*texts: str) -> int:
    return round(sum(map(len, texts)) / CHARACTERS_A_TOKEN)
