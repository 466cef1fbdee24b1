"""The command line: works on the store directly, through the same operations the management API uses."""

from doorward.cli.entry import main

__all__ = ["main"]
