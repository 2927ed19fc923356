"""Penn Treebank tokens without Java: what CoreNLP 3.4.1 makes of a caption, and so what published CIDEr figures count.

At each place the longest of several kinds of token is taken, the earlier kind where two are equally long. The kinds
were found by asking that tokenizer about strings, not by reading its grammar; `bench/eval_tokens.py` counts where the
two still differ.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

PUNCTUATION = frozenset(
    ("''", "'", "``", "`", "-LRB-", "-RRB-", "-LCB-", "-RCB-", ".", "?", "!", ",", ":", "-", "--", "...", ";")
)
"""Tokens that caption metrics leave out. Brackets are named in capitals here and not in the tokens: they stay."""

_NO_LETTERS = r"_\u00B2\u00B3\u00B9\u00BC-\u00BE\u2070-\u209F\u2150-\u218F\u2460-\u249B\u3200-\u33FF"
_L, _W = rf"[^\W\d{_NO_LETTERS}]", rf"[^\W{_NO_LETTERS}]"  # a letter; a letter or digit
_A = r"(?:['’\x92]|&apos;)"  # an apostrophe
_ABBREVIATIONS = (  # one letter, or one of these, keeps the sign behind it
    "adj adm adv al ala alex apr ariz assn assoc asst atty aug ave bhd bldg blvd brig bros calif capt cf cie cmdr "
    "co col colo conn corp cos cpl ct dak dec dept det dr drs elec ens esq est etc ext feb fla fri ft ga gen gov "
    "govs hon inc ind insp intl invt jan jos jr jul jun kan kans ky lieut lt ltd maj mar md messrs mfg mich minn "
    "mlle mme mo mon mont mr mrs ms msgr mt mtg natl neb nev nov oct okla penn pfc ph plc ppte ppty pres prof profs "
    "pte ptes pty ptys pvt rd rep reps rev rt sen sens sep sept seq sfc sgt spc sq sr st ste supt sys tel tenn thu "
    "thurs treas tue tues univ va vs vt wed wis wisc wm wyo"
)
_BEFORE_NUMBERS = "art ca fig figs no nos op pp prop"


def _any(words: str) -> str:
    return "(?:" + "|".join(sorted(words.split(), key=len, reverse=True)) + ")"


_END = rf"(?!{_W})"
_PART = rf"(?:[dolDOL]{_A}(?={_W}))?{_W}+"
_VALUES = r"['\"][^\r\n'\"]*['\"]"
_TAG_PART = rf"(?:[A-Za-z][A-Za-z0-9_:.-]*(?: *= *{_VALUES})?|{_VALUES}|/)"
_GAP = r"[- \u00A0]"
_CALLED = rf"\d{{3,4}}{_GAP}?\d{{3,5}}"
_HOST = r"[^\s\"`'<>|.!?(){},/\\$&=+%-]+"
_PATH = r"(?:/[^\s\"<>|()]*[^\s\"<>|.!?(){},-])?"

_KINDS: tuple[tuple[str, str, str], ...] = (
    # begins with a letter (a), a digit (0) or a sign (.); how it is written; what it is. A group is the token alone,
    # where
    # what follows decides, and counts for the length
    ("a", "", rf"(?i:(can)not|(gon)na|(got)ta|(wan)na|(lem)me|(gim)me){_END}"),
    (".", "", rf"({_A}[tT])(?i:is|was)(?:n{_A}[tT])?{_END}"),
    (".", "tag", rf"<(?:[!?][A-Za-z-][^>\r\n]*|/?[A-Za-z][A-Za-z0-9_:.-]*(?: +{_TAG_PART})* *(?:/ *)?)>"),
    ("a", "apostrophe", rf"({_L}+?)[nN]{_A}[tT](?!{_W})"),
    ("a", "apostrophe", rf"[nN]{_A}[tT](?!{_W})"),
    (".", "apostrophe", rf"({_A}(?i:s|m|d|re|ve|ll))(?:[^A-Za-z]|$)"),
    (".", "", r"-[lrLR][rcsRCS][bB]-"),
    ("a", "", r"(?:https?|ftp)://[^\s\"<>|(){}]*[^\s\"<>|.!?(){},-]"),
    ("a0.", "", rf"(?:www\.(?:{_HOST}\.)*[a-zA-Z]{{1,4}}|(?:{_HOST}\.)+(?:com|net|org|edu)){_END}{_PATH}"),
    ("a0.", "", r"<?[a-zA-Z0-9][^\s\"<>|(){}]*@(?:[^\s\"<>|(){}.]+\.)*[^\s\"<>|(){}.]+>?"),
    (".", "", r"[@＠][a-zA-Z_][a-zA-Z_0-9]*"),
    (".", "", rf"#{_L}+"),
    ("a", "", rf"{_L}{_W}*(?:[.!?]{_L}{_W}*)*"),
    ("a0", "", rf"{_W}+(?:[-._/]{_W}+)*\.(?:html?|txt|jpe?g|gif|png|pdf|docx?|mp[34]|avi|mov|py|exe|zip|x){_END}"),
    ("a", "", rf"[lLdDjJ]{_A}|ol{_A}|somethin{_A}|dunkin{_A}"),
    (".", "", rf"{_A}n{_A}?|{_A}em|{_A}till?|{_A}cause"),
    ("a", "", rf"[A-HJ-XZn]{_A}{_L}{{2,}}"),
    (".", "", rf"{_A}[2-9]0s|{_A}\d\d(?!\S)"),
    ("a", "", rf"{_L}+[aeiouyAEIOUY]{_A}[aeiouA-Z]{_L}*"),
    ("a", "", rf"(?i:nor{_A}easter|c{_A}mon|c{_A}est|ne{_A}er|e{_A}er|s{_A}mores|ev{_A}ry|li{_A}l|nat{_A}l|o{_A}o)"),
    ("a", "", rf"([yY]{_A}){_L}"),
    ("0.", "number", r"[-+]?(?:\d+(?:[.:,\u00AD]\d+)*|(?:[.:,]\d+)+)"),
    ("0", "", r"\d{1,2}[-/]\d{1,2}[-/]\d{2,4}"),
    ("0", "fraction", r"(?:\d{1,4}[- \u00A0])?\d{1,4}(?:\\?/|\u2044)\d{1,4}"),
    ("0.", "phone", rf"(?:\(\d{{2,3}}\)[ \u00A0]?|(?:\+\+?)?(?:\d{{2,4}}{_GAP})?\d{{2,4}}{_GAP}){_CALLED}"),
    ("a0", "", rf"{_PART}(?:[-_\u2010\u2011](?:[dolDOL]{_A}(?={_W}))?{_W}+)*"),
    ("a", "", r"[A-Z]+(?:[+&][A-Z]+)+"),
    ("a0", "", r"[A-Za-z0-9]+(?:-[A-Za-z]+){0,2}(?:\\?/[A-Za-z0-9]+(?:-[A-Za-z]+){0,2}){1,2}"),
    ("a0", "", r"[A-Za-z0-9][A-Za-z0-9.,\u00AD]*(?:-(?:[A-Za-z0-9\u00AD]+|[A-Za-z](?:\.[A-Za-z])+\.))+"),
    ("a", "", rf"{_L}(?:\.{_L})*\.(?!{_L})"),
    ("a", "", rf"(?i:{_any(_ABBREVIATIONS)}|ph\.ds?)\.(?!{_L})"),
    ("a", "", rf"(?i:{_any(_BEFORE_NUMBERS)})\.(?=\s*\d)"),
    ("a", "", r"[cC]\+\+|[cCfF]#"),
    ("a", "", rf"({_L}{_W}*(?:[.!?]{_L}{_W}*)*\.)[,;:]"),
    (".", "", r"[<>]?[:;=]['\-o*]?[()DPdpO\\:{@|\[\]](?![A-Za-z0-9:])(?<!::)"),
    (".", "dots", r"\.\.\.+|\. \. \.|…"),
    (".", "dash", r"-{2,}|[–—―]"),
    (".", "", r"[?!]+"),
    (".", "", r"\*+|_+|#+"),
    (".", "quarter", r"[¼½¾⅓⅔⅛⅜⅝⅞⅕⅖⅗⅘⅙⅚]"),
    (".", "entity", r"&(?:amp|lt|gt|quot|nbsp);"),
    (".", "", r"&(?:[a-z]{2,7}|#\d{1,5});"),
    (".", "open", r"(\")[A-Za-z0-9$]|``|[“«‹]"),
    (".", "close", r"\"|''|[”»›]"),
    (".", "open_single", r"(')[A-Za-z][^\s]|‘"),
    (".", "close_single", r"['’]"),
    (".", "currency", r"[€£¢¤]"),
    (".", "bracket", r"[()\[\]{}]"),
)  # fmt: skip
_PATTERNS = {
    start: tuple((kind, re.compile(pattern)) for starts, kind, pattern in _KINDS if start in starts) for start in "a0."
}
_SPACE = re.compile(r"[\s\u200B\uFEFF]+")
_SIMPLE = re.compile(rf"{_L}+\Z")
_APART = re.compile(rf"[\d<&]|^\.+$|^(?i:{_any(_BEFORE_NUMBERS)})\.$")
"""Pieces between spaces from which a token may go on behind the space, or for which what stands there matters."""
_BRACKETS = {"(": "-lrb-", ")": "-rrb-", "[": "-lsb-", "]": "-rsb-", "{": "-lcb-", "}": "-rcb-"}
_CURRENCIES = {"€": "$", "£": "#", "¢": "cents", "¤": "$"}
_FRACTIONS = {"¼": "1/4", "½": "1/2", "¾": "3/4", "⅓": "1/3", "⅔": "2/3"}
_ENTITIES = {"&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&nbsp;": ""}
_QUOTES = {"dots": "...", "dash": "--", "open": "``", "close": "''", "open_single": "`", "close_single": "'"}


def tokens_of(text: str, *, lower_first: bool = True) -> list[str]:
    """All tokens of one caption, in lower case. lower_first: before, as the original scores do, which changes some.

    Line breaks of any kind within the text count as spaces.

    >>> tokens_of("A man's dog doesn't bark.")
    ['a', 'man', "'s", 'dog', 'does', "n't", 'bark', '.']
    """
    line = _SPACE.sub(" ", text.lower() if lower_first else text).strip(" ")
    found: list[str] = []
    place = 0
    while place < len(line):
        end = line.find(" ", place)
        piece = line[place : end if end >= 0 else len(line)]
        if _SIMPLE.match(piece) and piece.lower() not in _SPLIT:
            found.append(piece.lower())
        elif not _APART.search(piece):
            found += _tokens_of_piece(piece)
        else:
            place = _scan(line, place, found)
            continue
        place += len(piece) + 1
    return found


def caption_tokens(text: str, *, lower_first: bool = True) -> list[str]:
    """The tokens that caption metrics count: without punctuation."""
    return [token for token in tokens_of(text, lower_first=lower_first) if token not in PUNCTUATION]


def all_caption_tokens(texts: Iterable[str]) -> list[list[str]]:
    """The same of many texts."""
    return [caption_tokens(text) for text in texts]


_SPLIT = frozenset(("cannot", "gonna", "gotta", "wanna", "lemme", "gimme"))


@lru_cache(maxsize=200_000)
def _tokens_of_piece(piece: str) -> tuple[str, ...]:
    found: list[str] = []
    _scan(piece, 0, found)
    return tuple(found)


def _scan(line: str, place: int, found: list[str]) -> int:
    """Adds tokens from a place on until one ends before a space or the line; where the next piece begins."""
    while place < len(line) and line[place] != " ":
        first = line[place]
        kind, end, longest = "", place, place
        for name, pattern in _PATTERNS["a" if first.isalpha() else "0" if first.isdecimal() else "."]:
            match = pattern.match(line, place)
            if match and match.end() > longest:
                kind, longest = name, match.end()
                end = match.end(match.lastindex or 0)
        if end > place:
            token = _normal(kind, line[place:end])
        else:
            token, end = first if _is_token(first) else "", place + 1
        if token:
            found.append(token)
        place = end
    return place + 1


def _is_token(character: str) -> bool:
    """What no rule knows is a token of its own if it is a sign of the basic plane, and else nothing."""
    return ord(character) < 0x10000 and character not in "\u200c\u200d\u2060\ufe0f\ufffd"


def _normal(kind: str, text: str) -> str:
    """A token as the Treebank writes it."""
    if kind in _QUOTES:
        return _QUOTES[kind]
    if kind == "bracket":
        return _BRACKETS[text]
    if kind == "currency":
        return _CURRENCIES[text]
    if kind == "quarter":
        return _FRACTIONS.get(text, text)
    if kind == "entity":
        return _ENTITIES[text] if text != "&quot;" else "``"
    if kind in ("phone", "fraction", "tag"):
        text = text.replace(" ", "\u00a0")
    if kind == "apostrophe":
        text = text.replace("’", "'")
    plain = text if kind == "tag" else "".join(_BRACKETS.get(character, character) for character in text)
    return plain.replace("\u00ad", "").lower()
