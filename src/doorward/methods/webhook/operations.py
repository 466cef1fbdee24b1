"""What can be done to senders and their secrets, from the management API and the command line alike.

Each operation reads, decides in `issue.py`, and commits one `Change`. When somebody else changed the sender in between,
it is read and decided once more, as often as twenty at once may need; then the conflict is reported.
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final, Protocol, TypeVar

from doorward.errors import Misconfigured, Rejected
from doorward.methods.webhook.config import OVERLAP_S, SECRETS_MAX
from doorward.methods.webhook.issue import issue_secret, issue_sender, retire_secret_of, succeed_secrets
from doorward.methods.webhook.order import IssuedSecret, SecretOrder, SenderOrder
from doorward.methods.webhook.port import SecretRecord, SenderRecord
from doorward.methods.webhook.schemes import SCHEMES
from doorward.methods.webhook.secrets import are_one_key, parse_secret
from doorward.methods.webhook.stored import SealedStore, open_text, require_master_keys, seal_text
from doorward.values import Actor, Change, ChangePort, Clock, CredentialId, Entropy

__all__ = ["SenderStore", "add_secret", "add_sender", "retire_secret", "rotate_secret"]

# Of many that add at once one succeeds each time, and after eight there is no room for any more.
_ATTEMPTS: Final = SECRETS_MAX + 2
_GIVEN: Final = "that is given"
_ResultT = TypeVar("_ResultT")
_Decide = Callable[[SenderRecord, Sequence[SecretRecord], int], tuple[_ResultT, Change]]


class SenderStore(SealedStore, Protocol):
    """What is needed of a store to manage senders."""

    @property
    def changes(self) -> ChangePort:
        """Commits."""
        ...

    @property
    def clock(self) -> Clock:
        """Epoch seconds."""
        ...

    @property
    def entropy(self) -> Entropy:
        """Where secrets come from."""
        ...


async def add_sender(store: SenderStore, order: SenderOrder, *, actor: Actor) -> SenderRecord:
    """A new sender, without a secret.

    Raises:
        Rejected: `input_invalid`, or `object_exists` when the name is taken.
        Unavailable: `store_unavailable`.
    """
    record, change = issue_sender(order, actor=actor, now=int(store.clock()))
    await store.changes.commit(change)
    return record


async def add_secret(store: SenderStore, order: SecretOrder, *, actor: Actor) -> IssuedSecret:
    """One more secret of a sender.

    Raises:
        Misconfigured: the store has no master key.
        Rejected: `input_invalid`, also for a ninth active one; `object_unknown` without the sender, `object_exists`
            when it has this very secret, `object_conflict`.
        Unavailable: `store_unavailable`.
    """
    seal = partial(seal_text, require_master_keys(store), order.sender)

    def decide(sender: SenderRecord, held: Sequence[SecretRecord], now: int) -> tuple[IssuedSecret, Change]:
        _require_other(store, sender, held, order.text)
        return issue_secret(sender, held, order, seal=seal, actor=actor, now=now, entropy=store.entropy)

    return await _apply(store, order.sender, decide)


async def rotate_secret(
    store: SenderStore, order: SecretOrder, *, overlap_s: int = OVERLAP_S, reason: str, actor: Actor
) -> IssuedSecret:
    """A new secret of a sender; those that are active work for `overlap_s` more (0 retires them at once).

    Raises: as `add_secret`.
    """
    seal = partial(seal_text, require_master_keys(store), order.sender)

    def decide(sender: SenderRecord, held: Sequence[SecretRecord], now: int) -> tuple[IssuedSecret, Change]:
        _require_other(store, sender, held, order.text)
        return succeed_secrets(
            sender,
            held,
            order,
            overlap_s=overlap_s,
            reason=reason,
            seal=seal,
            actor=actor,
            now=now,
            entropy=store.entropy,
        )

    return await _apply(store, order.sender, decide)


async def retire_secret(
    store: SenderStore, secret_id: CredentialId, *, anyway: bool = False, reason: str, actor: Actor
) -> SecretRecord:
    """A secret that admits no delivery any more; its text is erased.

    Args:
        store: the store.
        secret_id: which.
        anyway: also when a delivery may be lost by it: it is the only active one, or its sender may still sign with it.
        reason: 1 to 500 characters.
        actor: who retires it.

    Raises:
        Rejected: `input_invalid`, also when deliveries would be lost by it; `object_unknown`, `state_final`,
            `object_conflict`.
        Unavailable: `store_unavailable`.
    """

    def decide(
        record: SecretRecord, sender: SenderRecord, held: Sequence[SecretRecord], now: int
    ) -> tuple[SecretRecord, Change]:
        return retire_secret_of(sender, held, record, anyway=anyway, reason=reason, actor=actor, now=now)

    async def once() -> SecretRecord:
        record = await store.senders.find_secret(secret_id)
        if record is None:
            raise Rejected("object_unknown", "no such webhook secret")
        return await _apply_once(store, record.sender, partial(decide, record))

    return await _again(once)


async def _apply(store: SenderStore, name: str, decide: _Decide[_ResultT]) -> _ResultT:
    return await _again(partial(_apply_once, store, name, decide))


async def _again(once: Callable[[], Awaitable[_ResultT]]) -> _ResultT:
    for _ in range(_ATTEMPTS - 1):
        try:
            return await once()
        except Rejected as error:
            if error.code != "object_conflict":
                raise
    return await once()


async def _apply_once(store: SenderStore, name: str, decide: _Decide[_ResultT]) -> _ResultT:
    # The sender first: what is added after this reading moves its version, and the change does not hold.
    sender = await store.senders.find_sender(name)
    if sender is None:
        raise Rejected("object_unknown", f"no sender {name!r}")
    held = await store.senders.list_held_secrets(name)
    result, change = decide(sender, held, int(store.clock()))
    await store.changes.commit(change)
    return result


def _require_other(store: SenderStore, sender: SenderRecord, held: Sequence[SecretRecord], text: str | None) -> None:
    """Refuse a secret the sender has: retiring one of the two would leave the other, and it would go on opening."""
    scheme = SCHEMES.get(sender.scheme)
    if text is None or scheme is None:
        return
    try:
        given = parse_secret(scheme, text, secret_id=_GIVEN, danger_short=True)
    except Misconfigured:
        return  # `issue.py` refuses it, and says why
    keys = require_master_keys(store)
    for record in held:
        known = parse_secret(scheme, open_text(keys, record), secret_id=record.id, danger_short=True)
        if are_one_key(scheme, known, given):
            raise Rejected("object_exists", f"the sender has this very secret, as {record.id}")
