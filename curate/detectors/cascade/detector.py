"""The default detector: looks, signs, network, then evidence and judge, and the exact place of hard cuts."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Sequence

import numpy as np

from curate.detectors.cascade import weights
from curate.detectors.cascade.blanks import blank_cuts
from curate.detectors.cascade.boundary import Boundary
from curate.detectors.cascade.decide import FLASH, GRADUAL, HARD, Found, Thresholds, decide
from curate.detectors.cascade.evidence import REACH, Evidence
from curate.detectors.cascade.judge import Judge, from_log_odds, log_odds
from curate.detectors.cascade.look import Look
from curate.detectors.cascade.network import KINDS, SEEN, Networks, Numbers
from curate.detectors.cascade.signs import NUM_SIGNS, Signs
from curate.detectors.cut import Cut
from media.frame import Frame
from schemas.spans import Span

LOOK_US = 65_000  # looks lie at least so far apart: every second frame at 30 fps
SUPPOSED = Thresholds(hard=0.2, gradual=0.35, within=0.2, flash=0.4)  # what the network supposes is shown to the judge
LEAST_HARD, LEAST_GRADUAL = 0.8, 0.82  # what networks and judge together must say of a transition
TRUST_HARD, TRUST_GRADUAL = 0.3, 0.7  # how much the networks' word weighs, in log odds; the rest is the judge's
LONGEST_US = 3_000_000  # a mixture that takes longer, and is no fade, is a camera that turns
FLASH_REJECTED = "flash_rejected"
STRIDE = 32  # looks from one run of the network to the next
CLEAR = 2  # looks on both sides of a transition that was found, in which it still shows
QUIET = 2  # looks without anything on both sides of a place where the decision may pause
LONGEST = 96  # looks after which it pauses anyway
KEPT = LONGEST + 2 * STRIDE + SEEN + REACH + QUIET


ASKED = (0.3, 0.985)  # scores between which a detector that asks wants an opinion
LEAST_ASKED = 0.65  # of score and opinion together
OPINION = 0.7  # how much the opinion weighs, in log odds; the rest is the score's


class CascadeDetector:
    """Looks about fifteen times a second; frames nearer to the last look only help to place a hard cut.

    Where not every frame is pushed, `windows` says in which spans a hard cut lies, and `look_again` takes all frames of
    one span; without that the cut is placed at the look that first shows the new shot. It keeps the pictures of the
    last fifteen seconds, and 350 bytes of each look.
    """

    name = "cascade"

    def __init__(self, networks: tuple[Networks, Judge] | None = None, *, asks: bool = False) -> None:
        self._networks, self._judge = networks or weights.trained()
        self._signs, self._evidence = Signs(), Evidence()
        self._looks: deque[Look] = deque(maxlen=KEPT)
        self._all_signs = array("f")
        self._times, self._means, self._stds = array("q"), array("f"), array("f")
        self._probabilities: list[Numbers] = []
        self._num_seen = 0  # looks with probabilities
        self._num_decided = 0
        self._doubts = array("f")
        self._found: list[Found] = []
        self._asks = asks
        self._doubtful: list[Found] = []
        self._boundary = Boundary()
        self._places: list[int] = []  # for each look, where a hard cut before it would lie
        self._ended = False

    def push(self, frame: Frame) -> None:
        look = Look(frame)
        self._boundary.push_look(look)
        if self._times and frame.time_us - self._times[-1] < LOOK_US:
            return
        self._looks.append(look)
        self._times.append(look.time_us)
        self._means.append(look.mean)
        self._stds.append(look.std)
        place = self._boundary.time_us
        self._places.append(look.time_us if place is None else place)
        self._boundary.restart()
        if len(self._times) - self._num_seen >= STRIDE + SEEN:
            self._advance(len(self._times) - SEEN)

    def doubts(self) -> list[Span]:
        """Spans of transitions that may or may not be, from the last look before to the last in it, both included.

        Only a detector that asks has any; `settle` takes what an expert says of each.
        """
        self._end()
        return [Span(self._times[doubt.first - 1], self._times[doubt.last] + 1) for doubt in self._doubtful]

    def settle(self, opinions: Sequence[float]) -> None:
        """How likely an expert thinks each of the `doubts`, 0 to 1, in their order; before `windows`."""
        for doubt, opinion in zip(self._doubtful, opinions, strict=True):
            score = with_opinion(doubt, opinion)
            if score >= LEAST_ASKED:
                self._found.append(Found(doubt.first, doubt.last, doubt.kind, score))
                self._no_doubt(doubt.first - CLEAR, doubt.last + CLEAR, 0.0)
            else:
                self._no_doubt(doubt.first, doubt.last, score)
        self._doubtful = []
        self._found.sort()

    def windows(self) -> list[Span]:
        """Spans, from one look to the next, both included, of which `look_again` would like every frame."""
        self._end()
        hard = [found.first for found in self._found if found.kind == "hard" and found.first]
        return [Span(self._times[first - 1], self._times[first] + 1) for first in hard]

    def look_again(self, window: Span, frames: Sequence[Frame]) -> None:
        """All frames of one of the windows."""
        boundary = Boundary()
        for frame in frames:
            boundary.push(frame)
        if boundary.time_us is not None:
            self._places[self._times.index(window.end_us - 1)] = boundary.time_us

    def finish(self, end_us: int) -> list[Cut]:
        self._end()
        return [self._cut(found) for found in self._found]

    def measure(self, clip: Span) -> dict[str, float | None]:
        """jump_cut_score: the likeliest transition inside a clip that was not taken for one; None without two looks."""
        self._end()
        times = np.frombuffer(self._times, np.int64)
        # the first look inside may show what lies before the clip
        first = int(np.searchsorted(times, clip.start_us, side="left")) + 1
        last = int(np.searchsorted(times, clip.end_us, side="left"))
        inside = np.frombuffer(self._doubts, np.float32)[first:last]
        return {"jump_cut_score": float(inside.max()) if len(inside) else None}

    def _end(self) -> None:
        if not self._ended and self._times:
            self._advance(len(self._times))
        self._ended = True

    def _advance(self, upto: int) -> None:
        """Run the network for the looks before `upto`, whose surroundings are known; decide where nothing is open."""
        self._read_signs()
        start = max(0, self._num_seen - SEEN)
        signs = np.array(self._all_signs[start * NUM_SIGNS :], np.float32).reshape(-1, NUM_SIGNS)
        fresh = self._networks.probabilities(signs)[self._num_seen - start : upto - start]
        self._probabilities.append(fresh)
        self._doubts.extend((fresh[:, HARD] + fresh[:, GRADUAL].sum(axis=1)).tolist())
        self._num_seen = upto
        open_ = np.concatenate(self._probabilities)
        pause = len(open_) if upto == len(self._times) else _last_quiet(open_)
        if pause:
            self._decide(open_[:pause])
            self._probabilities = [open_[pause:]]
            self._num_decided += pause

    def _read_signs(self) -> None:
        """Of the looks that came since it was done last, all together: that is several times as fast as one by one."""
        num_new = len(self._times) - len(self._all_signs) // NUM_SIGNS
        if num_new:
            new = [self._looks[at] for at in range(len(self._looks) - num_new, len(self._looks))]
            self._all_signs.frombytes(self._signs.of(new).tobytes())

    def _decide(self, probabilities: Numbers) -> None:
        first, last = self._num_decided, self._num_decided + len(probabilities)
        means, stds = np.array(self._means[first:last], np.float32), np.array(self._stds[first:last], np.float32)
        signs = np.array(self._all_signs[first * NUM_SIGNS : last * NUM_SIGNS], np.float32).reshape(-1, NUM_SIGNS)
        found = [Found(first + at, first + at, "hard", 1.0) for at in blank_cuts(signs, stds)]
        certain = {cut.first for cut in found}
        for supposed in decide(probabilities, means, stds, SUPPOSED):
            moved = Found(supposed.first + first, supposed.last + first, supposed.kind, supposed.score)
            if not certain.intersection(range(moved.first, moved.last + 1)):
                found += self._weighed(moved)
        for each in found:
            if each.kind != KINDS[FLASH]:
                self._no_doubt(each.first - CLEAR, each.last + CLEAR, 0.0)
        self._found += sorted(found)

    def _weighed(self, found: Found) -> list[Found]:
        """What was supposed, with the score of networks and judge, if that is enough; a flash stays one in any case."""
        if found.kind == KINDS[FLASH]:
            return [found]
        score = _together(found, self._judged(found))
        least = LEAST_HARD if found.kind == "hard" else LEAST_GRADUAL
        too_long = found.kind != "fade" and self._times[found.last] - self._times[found.first] > LONGEST_US
        first = max(1, found.first)  # a video may begin in the middle of a fade
        if first <= found.last and not too_long:
            weighed = Found(first, found.last, found.kind, score)
            if self._asks and ASKED[0] <= score < ASKED[1]:
                self._doubtful.append(weighed)
                return []
            if score >= least:
                return [weighed]
        self._no_doubt(found.first, found.last, score)
        return []

    def _no_doubt(self, first: int, last: int, left: float) -> None:
        """What the networks thought of these looks is settled; `left` of the doubt stays."""
        for number in range(max(0, first), min(last + 1, len(self._doubts))):
            self._doubts[number] = left

    def _judged(self, found: Found) -> float:
        offset = len(self._times) - len(self._looks)
        numbers = self._evidence.of(self._looks, found.first - offset, found.last - offset)
        return self._judge.probability(np.array(numbers, np.float32))

    def _cut(self, found: Found) -> Cut:
        if found.kind == "hard":
            place = self._places[found.first]
            return Cut(place, place, "hard", found.score, self.name)
        kind = FLASH_REJECTED if found.kind == KINDS[FLASH] else found.kind
        first = found.first if found.last > found.first else max(0, found.first - 1)  # seen by one look: came before it
        return Cut(self._times[first], self._times[found.last], kind, found.score, self.name)


def with_opinion(found: Found, opinion: float) -> float:
    """The weighted mean of a transition's score and an expert's opinion in log odds."""
    return from_log_odds(OPINION * log_odds(opinion) + (1 - OPINION) * log_odds(found.score))


def _together(found: Found, judged: float) -> float:
    """The weighted mean of both probabilities in log odds."""
    trust = TRUST_GRADUAL if found.kind in KINDS[GRADUAL] else TRUST_HARD
    return from_log_odds(trust * log_odds(found.score) + (1 - trust) * log_odds(judged))


def _last_quiet(probabilities: Numbers) -> int:
    """How many looks can be decided on without dividing anything; 0: none yet."""
    something = 1 - probabilities[:, KINDS.index("none")]
    quiet = something < SUPPOSED.within / 2
    for at in range(len(quiet) - REACH - QUIET, QUIET, -1):
        if quiet[at - QUIET : at + QUIET].all():
            return at
    return len(quiet) - REACH - QUIET if len(quiet) >= LONGEST else 0
