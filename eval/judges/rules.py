"""The judge that knows: texts in the closed grammar of the made stories have exact events, and exact entailment.

It refuses any other text; a caption that leaves the grammar is a failed row.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from importlib.resources import files

from eval.errors import JudgeRefused
from eval.judges.protocol import Identity, Label
from media.synthetic.stories import GrammarError, entailment, parse_caption, parse_event

RULES = ("grammar.py", "parser.py", "entailment.py")


class RulesJudge:
    """A `NativeJudge` over `media.synthetic.stories`. Its revision is the hash of the grammar's own source."""

    def __init__(self) -> None:
        folder = files("media.synthetic.stories")
        digest = sha256(b"".join(folder.joinpath(name).read_bytes() for name in RULES))
        self.identity = Identity("rules", digest.hexdigest()[:16])

    async def extract(self, text: str) -> list[str]:
        """The events that a caption tells, in order.

        Raises:
            JudgeRefused: the caption is not of the grammar.
        """
        try:
            return [event.text for event in parse_caption(text).events]
        except GrammarError as error:
            raise JudgeRefused("not_in_grammar", str(error)) from error

    async def entail(self, text: str, events: Sequence[str]) -> list[Label]:
        """The label of each event, or of each order of two events.

        Raises:
            JudgeRefused: the caption or an event is not of the grammar.
        """
        try:
            said = parse_caption(text).events
            return [entailment(said, parse_event(event)) for event in events]
        except GrammarError as error:
            raise JudgeRefused("not_in_grammar", str(error)) from error

    async def close(self) -> None:
        """Nothing to let go."""
