"""The two ways a command itself says no; everything else it raises comes from the rooms below."""

__all__ = ["Failed", "UsageProblem"]


class UsageProblem(Exception):  # it is not an error of the program
    """The command line does not say something we understand: exit code 2. The text says what would be right."""


class Failed(Exception):  # as above
    """The command did what it should, and the answer is no: exit code 1. The text says what, and what to do."""
