"""What a master key's rotation and loss mean for the secrets of senders.

A rotation seals every text again. When the master key is lost the texts are lost with it: what does not open is
retired, so that the lists say so, and a door says that its secrets cannot be used instead of trying for ever. Whoever
administers the sender asks it for the secret again, or has a new one made.
"""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Final

from msgspec.structs import replace

from doorward.crypto.sealing import MasterKeys, UnsealError
from doorward.errors import Misconfigured, Rejected
from doorward.methods.deciding import decide
from doorward.methods.webhook.operations import SenderStore, retire_secret
from doorward.methods.webhook.port import SecretRecord, SecretState, SecretUpdated
from doorward.methods.webhook.stored import PURPOSE, open_text, row_of
from doorward.values import Actor, Change

__all__ = ["list_held", "reseal_webhook_secrets", "retire_lost_webhook_secrets"]

_PAGE: Final = 1_000


async def reseal_webhook_secrets(store: SenderStore, keys: MasterKeys) -> None:
    """Seal every text under the current master key. Doing it again is safe.

    Raises:
        Misconfigured: one does not open; those before it are sealed again.
        Unavailable: `store_unavailable`.
    """
    async for record in list_held(store):
        await decide(
            store, partial(store.senders.find_secret, record.id), partial(_reseal, keys), unknown="no such secret"
        )


def _reseal(keys: MasterKeys, record: SecretRecord, _now: int) -> tuple[None, Change]:
    if record.sealed_text is None:
        return None, Change()
    try:
        sealed = keys.reseal(record.sealed_text, purpose=PURPOSE, row=row_of(record.sender, record.id))
    except UnsealError:
        open_text(keys, record)  # says so
        raise
    if sealed is None:
        return None, Change()
    # Nothing that anybody keeps changes: the text is the same, so no row of the feed.
    resealed = replace(record, sealed_text=sealed, version=record.version + 1)
    return None, Change(writes=(SecretUpdated(resealed),))


async def retire_lost_webhook_secrets(store: SenderStore, keys: MasterKeys, *, reason: str, actor: Actor) -> None:
    """Retire every secret that does not open any more.

    Raises:
        Rejected: `input_invalid` for the reason.
        Unavailable: `store_unavailable`; doing it again is safe.
    """
    async for record in list_held(store):
        try:
            open_text(keys, record)
        except Misconfigured:
            await _retire(store, record, reason=reason, actor=actor)


async def _retire(store: SenderStore, record: SecretRecord, *, reason: str, actor: Actor) -> None:
    try:
        await retire_secret(store, record.id, anyway=True, reason=reason, actor=actor)
    except Rejected as error:
        if error.code != "state_final":
            raise


async def list_held(store: SenderStore) -> AsyncIterator[SecretRecord]:
    """Every secret whose text is still there, of all senders, by id, a page at a time. Raises `Unavailable`."""
    after = ""
    while page := await store.senders.list_all_secrets(after=after, limit=_PAGE):
        for record in page:
            if record.state is not SecretState.RETIRED:
                yield record
        after = page[-1].id
        # An embedded database answers without ever waiting: all pages in one go would be a silence.
        await asyncio.sleep(0)
