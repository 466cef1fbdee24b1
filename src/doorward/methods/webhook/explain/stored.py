"""The secrets an explanation may try, from the store: those of the sender, and some of others beside them.

Another endpoint's secret is among the commonest mistakes. Only secrets the caller administers are tried: an explanation
with somebody else's would answer guesses about what they signed. A retired secret is not there any more: its text was
erased.
"""

from typing import Final

from doorward.errors import Misconfigured, Rejected
from doorward.methods.webhook.explain.explain import EXPLAINED_SECRETS_MAX
from doorward.methods.webhook.explain.keys import SecretText
from doorward.methods.webhook.port import SecretRecord, SenderRecord
from doorward.methods.webhook.stored import SealedStore, open_text, require_master_keys
from doorward.values import OrganizationId

__all__ = ["read_other_texts", "read_texts"]

OTHER_SENDERS_MAX: Final = 100
"""Of how many other senders an explanation looks at the secrets."""


async def read_texts(store: SealedStore, sender: str, *, now: int) -> tuple[SenderRecord, list[SecretText]]:
    """A sender and its secrets: those active at `now` first, the newest before the older; at most 16.

    Raises:
        Misconfigured: the store has no master key, or it does not open one.
        Rejected: `object_unknown`.
        Unavailable: `store_unavailable`.
    """
    keys = require_master_keys(store)
    record = await store.senders.find_sender(sender)
    if record is None:
        raise Rejected("object_unknown", f"no sender {sender!r}; `doorward webhooks senders list` shows them")
    held = reversed(await store.senders.list_held_secrets(sender))
    ordered = sorted(held, key=lambda secret: not secret.is_active(now))[:EXPLAINED_SECRETS_MAX]
    return record, [
        SecretText(id=secret.id, text=open_text(keys, secret), not_before=secret.not_before, not_after=secret.not_after)
        for secret in ordered
    ]


async def read_other_texts(
    store: SealedStore, sender: SenderRecord, *, many: int, organization_id: OrganizationId | None = None
) -> list[SecretText]:
    """Up to `many` secrets of other senders, those of the same scheme first.

    Args:
        store: open.
        sender: whose secrets are not wanted.
        many: how many are left to be tried.
        organization_id: whose senders the caller administers; None: all.
    """
    if many <= 0:
        return []
    found = await store.senders.list_senders(organization_id=organization_id, limit=OTHER_SENDERS_MAX)
    others = sorted(
        (other for other in found if other.name != sender.name), key=lambda other: other.scheme != sender.scheme
    )
    texts: list[SecretText] = []
    for other in others:
        for secret in reversed(await store.senders.list_held_secrets(other.name)):
            text = _openable(store, secret)
            if text is not None:
                texts.append(SecretText(id=f"{secret.id} ({other.name})", text=text, in_use=False))
            if len(texts) == many:
                return texts
    return texts


def _openable(store: SealedStore, secret: SecretRecord) -> str | None:
    # Another sender's trouble is not this one's.
    try:
        return open_text(require_master_keys(store), secret)
    except Misconfigured:
        return None
