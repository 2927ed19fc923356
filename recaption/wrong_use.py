"""What a person is told in one line: the command was called wrongly (exit code 2), or got no answer (1)."""


class WrongUse(Exception):
    """What a person typed cannot be done as it stands: what it got, what is allowed, what to do."""


class Unanswered(Exception):
    """A question about one file has no answer, and why."""
