"""Secrets of senders whose time is over are retired: what no delivery may be signed with any more must not lie about.

A rotation gives the old secrets an end. After it they open nothing, and their sealed texts would be of use only to
whoever gets hold of the database and, later, of the master key. To retire one erases its text.
"""

from typing import Final

from doorward.errors import Rejected
from doorward.methods.webhook.operations import SenderStore, retire_secret
from doorward.methods.webhook.recovery import list_held
from doorward.values import Actor

__all__ = ["erase_ended_webhook_secrets"]

_ENDED: Final = "its time is over, and it is erased"
_LEFT: Final = frozenset({"state_final", "object_conflict", "input_invalid"})
"""Another process was faster, somebody changes the sender again and again, or it is active after all: left alone."""


async def erase_ended_webhook_secrets(store: SenderStore, *, before: int, actor: Actor) -> int:
    """Retire every secret that ended by `before`; answers how many.

    Args:
        store: see `SenderStore`.
        before: epoch seconds, itself included.
        actor: who retires them.

    Raises:
        Unavailable: `store_unavailable`; doing it again is safe.
    """
    erased = 0
    async for record in list_held(store):
        if record.not_after is None or record.not_after > before:
            continue
        try:
            # Without `anyway`: what is needed by what the store itself says stays.
            await retire_secret(store, record.id, reason=_ENDED, actor=actor)
        except Rejected as error:
            if error.code not in _LEFT:
                raise
            continue
        erased += 1
    return erased
