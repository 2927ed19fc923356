"""A question that got no answer (exit code 1)."""


class Unanswered(Exception):
    """A question about one file has no answer, and why."""
