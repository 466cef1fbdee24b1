"""`doorward keys`: API keys from creation to revocation."""

from doorward.cli.frame import Desk, new_group, offer
from doorward.cli.inspect import inspect_credential

commands = new_group("API keys: create, rotate, change, revoke, inspect.")


@offer(commands, "inspect")
async def inspect_key(desk: Desk) -> None:
    """Say what a key is, offline: reads it from standard input, never from the command line.

    The checksum tells a key from a look-alike; it does not tell whether the key opens anything.
    """
    inspect_credential(desk.out)
