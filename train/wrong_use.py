"""The command was called wrongly: one line that says what it got, what is allowed, what to do; exit code 2."""


class WrongUse(Exception):
    """What a person typed cannot be done as it stands."""
