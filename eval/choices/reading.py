"""The option that an answer means, read as a person would: by letter, number or words; None where none is meant.

Rules in order, the first that decides: what is marked as the answer ("answer: B", \\boxed{B}, <answer>, JSON), a letter
that begins the text, the words of one option, one bracketed letter, one capital letter that stands alone, a number. Two
different options by the same rule are no answer.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence

_OPTION = re.compile(r"^[ \t]*[(\[]?([A-Z])[)\].:、][ \t]*(\S.*?)?[ \t]*$", re.MULTILINE)
_THOUGHT = re.compile(r"<think(?:ing)?>.*?</think(?:ing)?>|^.*</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
_MARKUP = re.compile(r"[*_`~#]+")
_BOXED = re.compile(r"\\boxed\s*\{(?:\\(?:text|mathrm|textbf)\s*\{)?\s*([^{}]*)\}+")
_TAGGED = re.compile(r"<(answer|option|choice)>\s*(.*?)\s*</\1>", re.DOTALL | re.IGNORECASE)
_SAYS = re.compile(
    r"\b(?:answer|choice|option|solution|response|pick|choose|select|choosing|selecting|picking|selection|go with|"
    r"going with|opt for|letter)\b(?:\s+(?:that\s+fits|here|to\s+(?:the|this)\s+question|choice|option|letter|would|"
    r"should|must|be|is|was|seems|to|the|an?|correct|best|right|most\s+likely|likely|clearly|probably|definitely|"
    r"therefore|thus|with)\b)*\s*(?:[:=：-]+>?|→|is\b)?\s*(?:option\b|choice\b|letter\b)?\s*"
    r"[\"'“”‘’(\[{<]*\s*([A-Za-z]|\d{1,2})(?![A-Za-z0-9'’])",
    re.IGNORECASE,
)
_CORRECT = re.compile(
    r"[(\[\"'“]?\b([A-Z])\b[)\]\"'”]?[.:,]?\s+(?:is|would be|seems|must be|looks|appears)\s+(?:to be\s+)?(?:the\s+)?"
    r"(?:most\s+|clearly\s+|probably\s+|definitely\s+)?(?:likely\s+)?(?:correct|right|best|answer|true|accurate)",
)
_LEADING = re.compile(r"^[\"'“”‘’(\[{<\s]*([A-Za-z])[\"'“”‘’]?\s*(?:[)\]}>.:;,、=/|]|-(?!\w)|–|—|\n|$)")
_ARTICLE = re.compile(r"^[\"'“”(\[\s]*([A-Za-z])\s+(\S.*)$", re.DOTALL)
_BRACKETED = re.compile(r"[(\[{<]\s*([A-Za-z])\s*[)\]}>]")
_ALONE = re.compile(r"(?<![A-Za-z0-9'’.&/-])([A-Z])(?![A-Za-z0-9'’&/-]|\.[A-Za-z])")
_NUMBER = re.compile(r"^[\"'(\[{#\s]*(?:no\.?|number)?\s*(\d{1,2})[\"']?\s*(?:[)\]}.:;,]|\s|$)", re.IGNORECASE)
_REFUSED = re.compile(
    r"\b(?:none of (?:the|these)|all of the above|cannot (?:be )?determine|n/a|not sure|unknown)\b", re.I
)
_NEGATED = re.compile(
    r"\b(?:not|isn't|rather than|instead of|rule out|eliminate|except|neither|nor)\s+(?:option\s+)?$", re.I
)
_ANOTHER = re.compile(r"[)\]]?\s*(?:\band\b|\bor\b|&|,|/|;|\|)\s*[(\[]?([A-Z])\b(?![a-z'])")
_FIRST_NUMBERS = "①②③④⑤⑥⑦⑧⑨"


def options_in(question: str) -> list[str]:
    """The options of a question, "(A) …" or "A. …", one a line, in order; an empty list where it shows none."""
    options: list[str] = []
    for letter, text in _OPTION.findall(question):
        if letter == chr(ord("A") + len(options)):
            options.append(text)
        elif letter == "A":
            options = [text]
    return options


def read_choice(answer: str, options: Sequence[str]) -> str | None:
    """The letter of the option that an answer means. options: their texts; without any, letters A to H are allowed.

    >>> read_choice("The answer is (b).", ["a cat", "a dog"])
    'B'
    >>> read_choice("A dog runs.", ["a cat", "a dog"])
    'B'
    """
    text = _plain(answer)
    number = len(options) or 8
    for rule in (_marked, _leading, _worded, _stated, _bracketed, _alone, _numbered):
        letters = {letter for letter in rule(text, options) if letter is not None}
        allowed = {letter for letter in letters if 0 <= ord(letter) - ord("A") < number}
        if letters:
            return allowed.pop() if len(allowed) == 1 and letters == allowed else None
    return None


def _plain(answer: str) -> str:
    """Without thoughts and markup, with compatibility forms (fullwidth letters) as what they stand for."""
    for place, circled in enumerate(_FIRST_NUMBERS, start=1):
        answer = answer.replace(circled, f" {place} ")
    text = _THOUGHT.sub(" ", unicodedata.normalize("NFKC", answer))
    boxed = _BOXED.findall(text)
    if boxed:
        text = f"answer: {boxed[-1]}"
    elif tagged := _TAGGED.findall(text):
        text = tagged[-1][1]
    return _MARKUP.sub("", text).strip()


def _letter(found: str) -> str | None:
    """A letter as a capital; a number counts from 1."""
    if found.isdigit():
        return chr(ord("A") + int(found) - 1) if int(found) else None
    return found.upper()


def _marked(text: str, options: Sequence[str]) -> Iterable[str | None]:
    """JSON with an answer in it, or one that the text announces; of several announcements the last."""
    if (found := _in_json(text)) is not None and found.strip() != text:
        return [read_choice(found, options)]
    said = [match for match in _SAYS.finditer(text) if not _negated(text, match.start(1))]
    if said and (match := said[-1]) and not _is_word(text, match, options):
        if match[1].isdigit() and (worded := _worded(match[1], options)):
            return worded
        both = _ANOTHER.match(text, match.end(1))
        return [_letter(match[1]), *([both[1]] if both else [])]
    return []


def _in_json(text: str) -> str | None:
    """The text under `answer` (or choice, option, prediction) of a JSON object."""
    begin, end = text.find("{"), text.rfind("}")
    if not 0 <= begin < end:
        return None
    try:
        value = json.loads(text[begin : end + 1].replace("'", '"'))
    except (ValueError, RecursionError):
        return None
    keyed = {str(key).lower(): one for key, one in value.items()} if isinstance(value, dict) else {}
    found = next((keyed[key] for key in ("answer", "choice", "option", "prediction") if key in keyed), None)
    return str(found) if isinstance(found, str | int) else None


def _is_word(text: str, match: re.Match[str], options: Sequence[str]) -> bool:
    """Whether the letter is the article or pronoun of a sentence, as in "the answer is a dog"."""
    rest = text[match.end(1) :]
    if _ANOTHER.match(text, match.end(1)):
        return False
    if match[1] in "aAI" and re.match(r"\s+[a-z]", rest):
        place = ord(match[1].upper()) - ord("A")
        return not (place < len(options) and match[1] != "a" and _same(rest, options[place]))
    return match[1].islower() and bool(re.match(r"\s+[a-z]", rest))


def _stated(text: str, options: Sequence[str]) -> Iterable[str | None]:
    """ "B is correct"."""
    del options
    return [match[1] for match in _CORRECT.finditer(text) if not _negated(text, match.start(1))]


def _leading(text: str, options: Sequence[str]) -> Iterable[str | None]:
    """A letter with a sign behind it, or before the words of its own option."""
    if match := _LEADING.match(text):
        another = _ANOTHER.match(text, match.end(1))
        return [_letter(match[1]), *([another[1]] if another else [])]
    if match := _ARTICLE.match(text):
        letter, rest = match[1].upper(), match[2]
        place = ord(letter) - ord("A")
        if another := _ANOTHER.match(text, match.end(1)):
            return [letter, another[1]]
        if place < len(options) and _same(rest, options[place]):
            return {letter, *_worded(rest, options)}
        if match[1].isupper() and letter not in "AI" and not _worded(text, options):
            return [letter]
    return []


def _worded(text: str, options: Sequence[str]) -> Iterable[str | None]:
    """The option whose words the answer is; else those whose words are in it, but for those inside a longer one."""
    said = _words(text)
    wordings = [_words(option) for option in options]
    exact = [place for place, words in enumerate(wordings) if words and words == said]
    if exact or not said:
        return [chr(ord("A") + place) for place in exact]
    padded = f" {said} "
    inside = [place for place, words in enumerate(wordings) if words and f" {words} " in padded]
    longest = [
        place
        for place in inside
        if not any(other != place and f" {wordings[place]} " in f" {wordings[other]} " for other in inside)
    ]
    short = len(said.split()) < 4  # one letter or sign says something only where little else is said; a number always
    return [chr(ord("A") + p) for p in longest if short or len(wordings[p]) > 1 or wordings[p].isdigit()]


def _bracketed(text: str, options: Sequence[str]) -> Iterable[str | None]:
    del options
    return _unnegated(text, _BRACKETED, str.upper)


def _alone(text: str, options: Sequence[str]) -> Iterable[str | None]:
    """Capital letters that stand alone; the words "A" and "I" only where nothing that could follow them does."""
    del options
    if _REFUSED.search(text):
        return []
    return [
        match[1]
        for match in _ALONE.finditer(text)
        if not _negated(text, match.start(1)) and not (match[1] in "AI" and re.match(r"\s+[a-z]", text[match.end(1) :]))
    ]


def _numbered(text: str, options: Sequence[str]) -> Iterable[str | None]:
    """ "2" or "2. a dog": the second option."""
    match = _NUMBER.match(text)
    if not match:
        return []
    rest, letter = text[match.end(1) :], _letter(match[1])
    if letter is None:
        return []
    place = ord(letter) - ord("A")
    bare = not re.search(r"[A-Za-z0-9]", rest)
    return [letter] if bare or (place < len(options) and _same(rest, options[place])) else []


def _unnegated(text: str, pattern: re.Pattern[str], as_letter: Callable[[str], str]) -> list[str | None]:
    return [as_letter(match[1]) for match in pattern.finditer(text) if not _negated(text, match.start())]


def _negated(text: str, place: int) -> bool:
    return bool(_NEGATED.search(text[max(0, place - 30) : place].rstrip("(\"'[")))


def _words(text: str) -> str:
    """Lower-case words with single spaces, without articles and signs."""
    words = re.findall(r"[^\W_]+(?:['’.][^\W_]+)*", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(word for word in words if word not in ("a", "an", "the"))


def _same(text: str, option: str) -> bool:
    """Whether a text is an option's words, or begins with them."""
    said, wanted = _words(text), _words(option)
    return bool(wanted) and (said == wanted or said.startswith(wanted + " "))
