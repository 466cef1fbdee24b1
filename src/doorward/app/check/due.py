"""What will need a hand soon, or does not work already, of the secrets and keys that signatures are verified with.

Nothing of it is unsafe and nothing of it keeps a server from starting: deliveries or requests are refused, today or
next week, and their senders would be the first to hear of it. Rules:

* What was replaced and ends as it was planned is not told, unless it matched within the last day: then whoever signs
  with it has not heard of its successor.
* What does not open is told by its id, never with what it is.
* One finding for each thing, with the first ten it is true of: a list nobody reads to its end hides what is in it.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Final, Protocol

from doorward.app.check.finding import Finding
from doorward.crypto.sealing import MasterKeys
from doorward.errors import Misconfigured, Unavailable
from doorward.methods.owned_credential import barred_by_state
from doorward.methods.signature.port import SignatureKeyPort, SignatureKeyRecord
from doorward.methods.signature.stored import open_verifier
from doorward.methods.webhook.config import RECENTLY_USED_S, SECRETS_MAX
from doorward.methods.webhook.port import SecretRecord, SenderPort, SenderRecord
from doorward.methods.webhook.secrets import most_active
from doorward.methods.webhook.stored import open_text

__all__ = ["DUE_S", "DueStore", "find_due"]

DUE_S: Final = 7 * 86_400
"""How long before its end a secret or a signature key is told of."""
NAMED_MAX: Final = 10
"""How many of one kind are named in a finding."""
_PAGE: Final = 1_000


class DueStore(Protocol):
    """What is asked."""

    @property
    def senders(self) -> SenderPort:
        """Senders of webhooks and their secrets."""
        ...

    @property
    def signature_keys(self) -> SignatureKeyPort:
        """Keys of signed requests."""
        ...

    @property
    def master_keys(self) -> MasterKeys | None:
        """What opens them."""
        ...


async def find_due(store: DueStore, now: int) -> tuple[Finding, ...]:
    """Everything that is due, at that second.

    Raises:
        Unavailable: `store_unavailable`.
    """
    without: list[str] = []
    full: list[str] = []
    ending: list[str] = []
    closed: list[str] = []
    async for sender in _senders(store.senders):
        held = await store.senders.list_held_secrets(sender.name)
        if not any(secret.is_active(now) for secret in held):
            without.append(sender.name)
        if most_active(held, now) >= SECRETS_MAX:
            full.append(sender.name)
        ending += [f"{secret.id} of {sender.name}" for secret in held if _is_missed(secret, held, now)]
        closed += [f"{secret.id} of {sender.name}" for secret in held if _is_closed(store.master_keys, secret)]
    keys_ending: list[str] = []
    keys_closed: list[str] = []
    async for key in _signature_keys(store.signature_keys):
        if barred_by_state(key) is not None or _has_ended(key.expires_at, now):
            continue
        name = f"{key.id} of {key.app_name}"
        if _is_key_missed(key, now):
            keys_ending.append(name)
        if _is_key_closed(store.master_keys, key):
            keys_closed.append(name)
    found = (
        _finding("Senders without an active secret", without, *_WITHOUT),
        _finding("Webhook secrets that do not open under the master key", closed, *_CLOSED),
        _finding("Signature keys that do not open under the master key", keys_closed, *_KEYS_CLOSED),
        _finding("Webhook secrets that end within a week", ending, *_ENDING),
        _finding("Signature keys that end within a week", keys_ending, *_KEYS_ENDING),
        _finding(f"Senders with {SECRETS_MAX} secrets active together, of {SECRETS_MAX}", full, *_FULL),
    )
    return tuple(finding for finding in found if finding is not None)


_WITHOUT: Final = (
    "Every delivery of theirs is refused",
    "Give them one: `doorward webhooks secrets add SENDER`",
)
_CLOSED: Final = (
    "The doors that take these deliveries answer 503",
    "Put the master key they were sealed under back into the file; if it is lost, rotate the secrets",
)
_KEYS_CLOSED: Final = (
    "Requests signed with them are refused like those of keys nobody knows (401)",
    "Put the master key they were sealed under back into the file; if it is lost, revoke them and make others",
)
_ENDING: Final = (
    "The deliveries signed with them are refused from then on",
    "`doorward webhooks secrets rotate SENDER`, and have the sender sign with the new one",
)
_KEYS_ENDING: Final = (
    "Requests signed with them are refused from then on",
    "`doorward signatures keys rotate ID`, and hand the successor over",
)
_FULL: Final = (
    "A leaked one could not be rotated with an overlap: a ninth is refused",
    "Retire what no longer matches: `doorward webhooks secrets list SENDER`",
)


def _finding(what: str, names: Sequence[str], why: str, cure: str) -> Finding | None:
    if not names:
        return None
    more = f" and {len(names) - NAMED_MAX:,} more" if len(names) > NAMED_MAX else ""
    return Finding(what=f"{what}: {', '.join(names[:NAMED_MAX])}{more}", why=why, cure=cure)


def _is_missed(secret: SecretRecord, held: Sequence[SecretRecord], now: int) -> bool:
    """Whether a secret ends within a week and deliveries would be lost by it."""
    end = secret.not_after
    if end is None or not secret.is_active(now) or end - now > DUE_S:
        return False
    alone = not any(other.is_active(end) for other in held)
    return alone or _is_in_use(secret.last_used_at, now)


def _is_key_missed(key: SignatureKeyRecord, now: int) -> bool:
    if key.expires_at is None or key.expires_at - now > DUE_S:
        return False
    return key.rotated_to is None or _is_in_use(key.last_used_at, now)


def _is_in_use(last_used_at: int | None, now: int) -> bool:
    return last_used_at is not None and now - last_used_at < RECENTLY_USED_S


def _has_ended(end: int | None, now: int) -> bool:
    return end is not None and end <= now


def _is_closed(master_keys: MasterKeys | None, secret: SecretRecord) -> bool:
    try:
        if master_keys is not None:
            open_text(master_keys, secret)
    except Misconfigured:
        return True
    return False


def _is_key_closed(master_keys: MasterKeys | None, key: SignatureKeyRecord) -> bool:
    try:
        open_verifier(key, master_keys)
    except Unavailable:
        return True
    return False


async def _senders(port: SenderPort) -> AsyncIterator[SenderRecord]:
    after = ""
    while page := await port.list_senders(after=after, limit=_PAGE):
        for sender in page:
            yield sender
        after = page[-1].name


async def _signature_keys(port: SignatureKeyPort) -> AsyncIterator[SignatureKeyRecord]:
    after = ""
    while page := await port.list_signature_keys(after=after, limit=_PAGE):
        for key in page:
            yield key
        after = page[-1].id
