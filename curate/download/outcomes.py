"""How an attempt can end: the classes of `fetches.outcome`, what each means, and what would help."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """Whom a failure speaks of: this video, the place it comes from, or this machine."""

    video = "video"
    host = "host"
    machine = "machine"


@dataclass(frozen=True)
class Class:
    """One class. `permanent`: trying again cannot help. `of_settings`: it may, once other settings are given.

    `rest_s`: a failure of the host rests its identity (address or account) for so long.
    """

    permanent: bool
    scope: Scope
    helps: str
    of_settings: bool = False
    rest_s: float = 0.0


_V, _H, _M = Scope.video, Scope.host, Scope.machine
CLASSES: dict[str, Class] = {
    "ok": Class(True, _V, ""),
    "gone": Class(True, _V, "nothing: it was removed"),
    "private": Class(True, _V, "nothing: its owner keeps it private, or for members"),
    "age": Class(True, _V, "cookies of a grown-up's account: --cookies", of_settings=True),
    "geo": Class(True, _V, "a proxy in a country where it is shown: --proxy", of_settings=True),
    "login": Class(True, _V, "cookies of an account that may see it: --cookies", of_settings=True),
    "forbidden": Class(True, _V, "the server refuses (403); see whether a browser gets it, then --retry"),
    "expired": Class(True, _V, "a newer url: signed urls live for a while only"),
    "bot_check": Class(False, _H, "another address (--proxy), cookies, or hours of rest", rest_s=6 * 3600.0),
    "rate_limited": Class(False, _H, "time: it comes again by itself; fewer --jobs, a lower --rate", rest_s=60.0),
    "network": Class(False, _H, "run again: partial files go on where they stopped"),
    "server": Class(False, _H, "run again later: the server failed"),
    "format": Class(True, _V, "another --max-height or --backend", of_settings=True),
    "not_a_video": Class(True, _V, "nothing: a page or another file lies there in place of the video"),
    "too_large": Class(True, _V, "a higher --max-gb", of_settings=True),
    "live": Class(True, _V, "--retry once the broadcast is over"),
    "unsupported": Class(True, _V, "another --backend, or a newer yt-dlp", of_settings=True),
    "bad_url": Class(True, _V, "a url that is one"),
    "forbidden_address": Class(
        True, _V, "--allow-private-hosts, if the address is yours: it is not a public one", of_settings=True
    ),
    "challenge": Class(False, _M, "a JavaScript runtime for yt-dlp: pip install 'longtake[youtube]'"),
    "disk": Class(False, _M, "free space, or a lower --min-free-gb"),
    "forgotten": Class(True, _V, "nothing: it was taken down and is never fetched again"),
}


def of_status(status: int, url: str, body: str = "") -> str:  # noqa: PLR0911  (a case each)
    """The class of an HTTP status that is no success."""
    if status in (404, 410):
        return "gone"
    if status == 401:
        return "login"
    if status == 451:
        return "geo"
    if status == 403:
        return "expired" if _is_signed(url) or re.search(r"expired", body, re.IGNORECASE) else "forbidden"
    if status in (402, 420, 429):
        return "rate_limited"
    if status in (408, 421, 425) or status >= 500:
        return "server"
    return "unsupported" if status in (405, 406, 415, 501, 505) else "forbidden"


def _is_signed(url: str) -> bool:
    """Whether a url carries a term after which it is worth nothing."""
    return bool(re.search(r"[?&](expires?|exp|x-amz-expires|x-goog-expires|se|e)=\d", url, re.IGNORECASE))


_TEXTS = (  # in order: the first that matches counts
    ("bot_check", r"not a bot|captcha|unusual traffic|BotDetection|PoTokenRequired"),
    ("challenge", r"challenge solving failed|signature solving failed|no supported javascript runtime"),
    ("rate_limited", r"try again later|rate.?limit|too many requests|HTTP Error 429|request limit"),
    ("age", r"confirm your age|age.?restrict|inappropriate for some|AgeCheckRequired"),
    ("private", r"private video|members.?only|join this channel|is private|VideoPrivate"
                r"|only available to Music Premium"),
    ("geo", r"not (made )?(this video )?available in your (country|location)|geo.?restrict|blocked it in your country"
            r"|region.?block|available from your location"),
    ("live", r"live event will begin|premieres in|is live|LiveStream|is not currently live|offline"),
    ("format", r"requested format is not available|no video formats|only images are available|no stream"),
    ("gone", r"video unavailable|has been removed|account .*terminated|copyright|does not exist|no longer available"
             r"|deleted|HTTP Error (404|410)|VideoUnavailable|RecordingUnavailable|not available"),
    ("login", r"sign in|log ?in required|login.?required|registered users|use --cookies|HTTP Error 401"),
    ("too_large", r"larger than max-filesize"),
    ("forbidden", r"HTTP Error 403|forbidden"),
    ("unsupported", r"unsupported url|no suitable extractor|drm"),
    ("server", r"HTTP Error 5\d\d|internal server error|bad gateway|service unavailable"),
    ("disk", r"no space left|errno 28|disk quota"),
    ("network", r"timed? ?out|reset by peer|connection|temporary failure|name or service not known|incompleteread"
                r"|bytes read|remote end closed|unable to download|ssl"),
)  # fmt: skip


def of_text(message: str) -> str | None:
    """The class that a message of yt-dlp or pytube tells; None where it tells none."""
    return next((name for name, pattern in _TEXTS if re.search(pattern, message, re.IGNORECASE)), None)
