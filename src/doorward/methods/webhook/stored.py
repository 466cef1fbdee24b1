"""The secrets of senders as a door takes them from the store: opened, read as the scheme writes them, in their times.

Rules of this file:

* A text is sealed for its sender and its row: one that is given to another sender, or moved to another row or column,
  does not open. Whoever can write to the database does not make a secret of his own the victim's.
* What cannot be opened or read is said with the id of the secret, never with its text. It is a fault of the deployment,
  so the door answers that it is ours (503), and the sender tries again.
* What was opened once stays open as long as it is asked for: when the master key is rotated everything is sealed anew,
  under a key that a process gets with its next start only.
"""

from typing import Final, Protocol, final, runtime_checkable

from doorward.crypto.sealing import MasterKeys, UnsealError
from doorward.errors import Misconfigured
from doorward.methods.webhook.port import SecretRecord, SenderPort, SenderRecord
from doorward.methods.webhook.schemes import Scheme
from doorward.methods.webhook.secrets import WebhookSecret, parse_secret
from doorward.values import CredentialId

__all__ = ["PURPOSE", "SealedStore", "StoredSecrets", "open_text", "require_master_keys", "row_of"]
__all__ += ["seal_text"]

PURPOSE: Final = "webhook secret"
"""What texts are sealed for; with the sender and the id of the secret as the row (`crypto/sealing.py`)."""


@runtime_checkable
class SealedStore(Protocol):
    """What is needed of a store to take secrets from it."""

    @property
    def senders(self) -> SenderPort:
        """Finds senders and their secrets. Read when first used: a store may open in the serving loop only."""
        ...

    @property
    def master_keys(self) -> MasterKeys | None:
        """What opens them."""
        ...


def require_master_keys(store: SealedStore) -> MasterKeys:
    """The master keys of a store.

    Raises:
        Misconfigured: it has none.
    """
    if store.master_keys is None:
        raise Misconfigured(
            "The secrets of senders are sealed under the master key, and there is none.",
            cure="Set DOORWARD_MASTER_KEY_FILE (or DOORWARD_MASTER_KEY) to the deployment's master key.",
        )
    return store.master_keys


def row_of(sender: str, secret_id: CredentialId) -> str:
    """What the text of a secret is bound to. Neither a sender's name nor an id has a slash in it."""
    return f"{sender}/{secret_id}"


def seal_text(keys: MasterKeys, sender: str, secret_id: CredentialId, text: str) -> bytes:
    """The text of a secret, for the row of that id and for no other sender."""
    return keys.seal(text.encode(), purpose=PURPOSE, row=row_of(sender, secret_id))


def open_text(keys: MasterKeys, record: SecretRecord) -> str:
    """The text of a secret that is not retired.

    Raises:
        Misconfigured: it does not open; names the secret.
    """
    assert record.sealed_text is not None, "a retired secret has no text"
    try:
        return keys.open(record.sealed_text, purpose=PURPOSE, row=row_of(record.sender, record.id)).decode()
    except (UnsealError, UnicodeDecodeError):
        raise Misconfigured(
            f"The webhook secret {record.id} does not open under these master keys.",
            cure="Put the key it was sealed under back into the file; if that is lost, see docs/master-key.md.",
        ) from None


@final
class StoredSecrets:
    """Implements `SecretSource`: the secrets of senders of one scheme, from the store.

    Args:
        store: from `open_store`.
        scheme: how the door takes deliveries to be signed.

    Raises:
        Misconfigured: the store has no master key.
    """

    __slots__ = ("_keys", "_scheme", "_store", "_texts")

    def __init__(self, store: SealedStore, scheme: Scheme) -> None:
        self._keys: Final = require_master_keys(store)
        self._store: Final = store
        self._scheme: Final = scheme
        self._texts: dict[tuple[str, CredentialId], str] = {}

    def __repr__(self) -> str:
        return f"StoredSecrets(scheme={self._scheme.name!r})"

    async def find_secrets(self, sender: str) -> tuple[WebhookSecret, ...]:
        """See `SecretSource`. Those that have ended are left out by whoever verifies.

        Raises:
            Misconfigured: the sender signs by another scheme, or a secret of it cannot be opened or read.
            Unavailable: `store_unavailable`.
        """
        record = await self._store.senders.find_sender(sender)
        if record is None:
            return ()
        if record.scheme != self._scheme.name:
            raise Misconfigured(
                f"The sender {sender} signs as {record.scheme}, and a door takes it for {self._scheme.name}.",
                cure="Give the door the scheme `doorward webhooks senders list` shows.",
            )
        held = await self._store.senders.list_held_secrets(sender)
        known = self._texts
        # By its sender as well: what was opened for one must not stand for a row that was given to another since.
        self._texts = {
            (sender, secret.id): known.get((sender, secret.id)) or open_text(self._keys, secret) for secret in held
        }
        return tuple(self._read(record, secret) for secret in held)

    def _read(self, sender: SenderRecord, secret: SecretRecord) -> WebhookSecret:
        return parse_secret(
            self._scheme,
            self._texts[sender.name, secret.id],
            secret_id=secret.id,
            not_before=secret.not_before,
            not_after=secret.not_after,
            organization_id=sender.organization_id,
            danger_short=self._scheme.secret_assigned,
        )
