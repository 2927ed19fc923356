"""Whether a text is fit to stand in a caption column: measures of it, and the first named reason why it is not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from recaption.alike import bands_of
from recaption.prompts import Prompt

VERSION = 2
MOST_REPEATED_SHARE = 0.25
LEAST_FUNCTION_WORDS = 0.12
MOST_ECHO_SHARE = 0.3
LANGUAGE_WORDS = 8  # fewer words do not tell a language

# Reasons, in the order in which they are looked for.
REASONS = {
    "empty": "nothing was written",
    "refusal": "the model says that it cannot or will not",
    "truncated": "the text ended because it was as long as allowed",
    "repetition": "the text runs in a loop",
    "prompt_echo": "the text repeats the prompt",
    "wrong_language": "the text is not in the language that was asked for",
    "mentions_frames": "the text speaks of frames, pictures or captions in place of the video",
    "too_short": "fewer words than the prompt's least",
    "too_long": "more words than the prompt's most",
    "no_events": "no event with its frames could be read",
    "no_choice": "none, or several, of the question's choices could be read",
    "near_duplicate": "more than five other clips have such a text, or the text that it is made of",
}

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_FUNCTION_TEXT = """
a an the this that these those some any each every all both no not and or but nor so yet as if while when
where who which what how than then there here of in on at by to from for with without into onto over under up
down out off through across along around behind before after between toward towards near during is are was
were be been being has have had do does did can could will would may might must should he she it they we you i
him her them his its their my your our one two another other also
"""
_FUNCTION_WORDS = frozenset(_FUNCTION_TEXT.split())
_REFUSAL = re.compile(
    r"\b(?:i(?:['’]m| am) (?:sorry|unable|not able)|i (?:can ?not|can['’]t|could not|couldn['’]t|won['’]t|will not) "
    r"(?:\w+ )?(?:see|view|watch|access|describe|provide|assist|help|process|analy[sz]e|identify|open|play|comply)"
    r"|as an? (?:ai|artificial|language|large)\b|unable to (?:view|see|watch|access|process|provide)"
    r"|i do(?:n['’]t| not) have (?:the ability|access))",
    re.IGNORECASE,
)
_ORDINAL = (
    r"(?:first|second|third|fourth|fifth|sixth|last|final|next|previous|other|following|these|those|each|every|all)"
)
_FRAMES = re.compile(
    rf"\b(?:video |still |key ?|image )frames?\b|\b{_ORDINAL} (?:\w+ )?frames?\b|\bframes? \d|\b\d+ frames?\b"
    rf"|\b{_ORDINAL} (?:image|picture|caption|panel|screenshot|clip|segment)s?\b|\bcaptions? \d"
    r"|\b(?:grid|sequence|series|set|collage) of (?:\w+ )?(?:images?|frames?|pictures?|photos?|screenshots?|panels?)\b"
    r"|\b2 ?[x×] ?3\b|\b(?:top|upper|bottom|lower)[- ](?:left|right|row|middle)\b.{0,12}\b(?:image|picture|panel)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Measures:
    """What the columns of `captions` say about a text; docs/tables.md has their meaning."""

    num_words: int
    repeated_share: float
    function_word_share: float
    echo_share: float
    text_hash: int
    text_bands: tuple[int, ...]


@dataclass(frozen=True)
class Verdict:
    """The first reason why a text is unfit, None where it is fit, and what exactly was met."""

    reason: str | None = None
    detail: str = ""


def measure(text: str, prompt: Prompt) -> Measures:
    """All measures of one text."""
    words = words_of(text)
    known = sum(word in _FUNCTION_WORDS for word in words)
    normal = " ".join("#" if word.isdigit() else word for word in words)
    return Measures(
        num_words=len(words),
        repeated_share=repeated_share(text, words),
        function_word_share=known / len(words) if words else 0.0,
        echo_share=_echo_share(words, words_of(prompt.text)),
        text_hash=int.from_bytes(blake2b(normal.encode(), digest_size=8).digest(), "big", signed=True),
        text_bands=bands_of(words) if words else (),
    )


def judge(text: str, finish_reason: str, prompt: Prompt, found: Measures) -> Verdict:
    """The first gate that a text does not pass, in the order of REASONS."""
    refusal = _REFUSAL.search(text[:240])
    frames = None if prompt.about_frames else _FRAMES.search(text)
    echoes = found.echo_share > MOST_ECHO_SHARE or _is_prompt(text, prompt)
    foreign = _foreign(text, prompt, found)
    words = f"{found.num_words} words"
    checks: tuple[tuple[str, object, str], ...] = (
        ("empty", not text.strip(), "nothing was written"),
        ("refusal", refusal, f"it says {refusal[0]!r}" if refusal else ""),
        ("truncated", finish_reason == "length", f"{words}, then the limit of tokens"),
        (
            "repetition",
            found.repeated_share > MOST_REPEATED_SHARE,
            f"{found.repeated_share:.0%} of it repeats what stands just before",
        ),
        ("prompt_echo", echoes, f"{found.echo_share:.0%} of its runs of five words stand in the prompt"),
        ("wrong_language", foreign, foreign),
        ("mentions_frames", frames, f"it speaks of {frames[0]!r}" if frames else ""),
        ("too_short", found.num_words < prompt.min_words, f"{words}, at least {prompt.min_words} are wanted"),
        ("too_long", found.num_words > prompt.max_words, f"{words}, at most {prompt.max_words} are wanted"),
    )
    return next((Verdict(reason, detail) for reason, fails, detail in checks if fails), Verdict())


def words_of(text: str) -> list[str]:
    """Its words, in lower case."""
    return [word.lower() for word in _WORD.findall(text)]


def repeated_share(text: str, words: Sequence[str]) -> float:
    """The share of the text in its longest loop (a phrase three times or more), or of its sentences said before."""
    numbers = {word: number for number, word in enumerate(dict.fromkeys(words))}
    looped = _loop(np.array([numbers[word] for word in words], dtype=np.int64), 40, 12) / max(1, len(words))
    letters = np.frombuffer(text[:20_000].encode("utf-32-le"), dtype=np.uint32)
    spelled = _loop(letters, 12, 32) / max(1, len(letters))  # loops that have no spaces
    return float(max(looped, spelled, _said_before(text)))


def _loop(items: np.ndarray, longest: int, least: int) -> int:
    """Items in the longest run of one phrase of up to `longest` items, three times or more and `least` items."""
    most = 0
    for period in range(1, min(longest, len(items) // 3) + 1):
        same = items[period:] == items[:-period]
        if np.count_nonzero(same) < 2 * period:
            continue  # too few for a run, as nearly always
        edges = np.flatnonzero(np.diff(np.concatenate(([0], same.astype(np.int8), [0]))))
        run = int((edges[1::2] - edges[::2]).max()) if len(edges) else 0
        if run >= 2 * period and run + period >= least:
            most = max(most, run)
    return most


def _said_before(text: str) -> float:
    """The share of words in sentences of five words or more that stood there before, of texts of four sentences."""
    sentences = [tuple(words_of(part)) for part in re.split(r"[.!?\n]+", text)]
    counted = [sentence for sentence in sentences if len(sentence) >= 5]
    if len(counted) < 4:
        return 0.0
    again = sum(map(len, counted)) - sum(map(len, set(counted)))
    return again / sum(map(len, counted))


def _echo_share(words: Sequence[str], asked: Sequence[str]) -> float:
    runs = list(zip(*(words[i:] for i in range(5)), strict=False))
    known = set(zip(*(asked[i:] for i in range(5)), strict=False))
    return sum(run in known for run in runs) / len(runs) if runs else 0.0


def _is_prompt(text: str, prompt: Prompt) -> bool:
    """Whether a text begins with the whole prompt; prompts of a few words would be met by chance."""
    asked = words_of(prompt.text)
    return len(asked) >= 4 and words_of(text)[: len(asked)] == asked


def _foreign(text: str, prompt: Prompt, found: Measures) -> str:
    """What speaks against English: another script, or hardly any of the words that no English sentence lacks."""
    if prompt.language != "en":
        return ""
    letters = [] if text.isascii() else [c for c in text if c.isalpha()]
    other = sum(ord(c) > 0x24F for c in letters)  # beyond Latin Extended-B
    if letters and other / len(letters) > 0.2:
        return f"{other / len(letters):.0%} of its letters are not Latin"
    if found.num_words >= LANGUAGE_WORDS and found.function_word_share < LEAST_FUNCTION_WORDS:
        return f"{found.function_word_share:.0%} of its words are English function words"
    return ""
