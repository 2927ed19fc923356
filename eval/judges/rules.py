"""The judge that knows: texts in the closed grammar of the made stories have exact events, and exact entailment.

It refuses any other text; a caption that leaves the grammar is a failed row.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from eval.errors import JudgeRefused
from eval.judges.protocol import Identity, Label
from eval.results import file_hash
from media.synthetic.stories import GrammarError, entailment, parse_caption, parse_event


class RulesJudge:
    """A `NativeJudge` over `media.synthetic.stories`. Its revision is the hash of the grammar's own source."""

    def __init__(self) -> None:
        import media.synthetic.stories.entailment as rules  # noqa: PLC0415
        from media.synthetic.stories import (
            grammar,
            parser,
        )

        sources = [Path(str(module.__file__)) for module in (grammar, parser, rules)]
        self.identity = Identity("rules", "".join(file_hash(source)[:6] for source in sources))

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
