"""Which secrets and keys of the store one explanation tries: those the asker administers, a bounded number of them.

Rules of this file:

* Everything is read through the asker's reach: what is out of reach is not there, so it cannot be tried. Only the page
  of a development server, which has one user, gives the store itself.
* A signature key is tried only when the asker holds all the power over Doorward that the key has.
* What is retired or revoked is erased, and cannot be tried. What does not open is left out: the lists tell of it.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple, Protocol

import msgspec

from doorward.crypto.jose.base64url import encode_base64url
from doorward.crypto.sealing import MasterKeys, UnsealError
from doorward.crypto.signatures import JOSE_NAMES
from doorward.errors import Misconfigured, Rejected
from doorward.methods.signature.port import SignatureKeyRecord, SignatureKeyState
from doorward.methods.signature.sealed import open_secret
from doorward.methods.webhook.explain import SecretText
from doorward.methods.webhook.port import SecretRecord, SenderRecord
from doorward.methods.webhook.stored import SealedStore, open_text, require_master_keys
from doorward.server.management.reach import Reach
from doorward.values import Clock

__all__ = ["KeysToTry", "SecretsToTry", "SenderReach", "keys_to_try", "secrets_to_try"]

OWN_SECRETS_TRIED_MAX: Final = 12
"""How many secrets of the sender itself are tried."""
SECRETS_TRIED_MAX: Final = 16
"""How many secrets are tried, those of other senders included."""
OTHER_SENDERS_READ_MAX: Final = 16
"""How many other senders' secrets are looked at."""
KEYS_TRIED_MAX: Final = 16
"""How many signature keys are tried."""
_APP_ACTIVE: Final = "active"


class SenderReach(SealedStore, Protocol):
    """What is needed to look for secrets."""

    @property
    def clock(self) -> Clock:
        """Epoch seconds."""
        ...


class SecretsToTry(NamedTuple):
    """Secrets, and whose each is, by its id."""

    texts: tuple[SecretText, ...]
    senders: dict[str, str]


class KeysToTry(NamedTuple):
    """A JWK set that holds secrets, and which of its keys verify at the time; `held` is how many there are."""

    jwks: bytes
    in_use: tuple[str, ...]
    held: int


async def secrets_to_try(reach: SenderReach, sender: SenderRecord) -> SecretsToTry:
    """The sender's own first, the newest of each first; then those of other senders, of the same scheme first."""
    keys, now = require_master_keys(reach), int(reach.clock())
    held = await reach.senders.list_held_secrets(sender.name)
    # Those that count now before those that ended or have yet to begin.
    own = sorted(_newest(held), key=lambda record: not record.is_active(now))[:OWN_SECRETS_TRIED_MAX]
    texts = list(_texts(keys, own, in_use=True))
    senders = {text.id: sender.name for text in texts}
    others = [one for one in await reach.senders.list_senders() if one.name != sender.name]
    alike_first = sorted(others, key=lambda one: one.scheme != sender.scheme)
    for other in alike_first[:OTHER_SENDERS_READ_MAX]:
        left = SECRETS_TRIED_MAX - len(texts)
        if left <= 0:
            break
        theirs = list(_texts(keys, _newest(await reach.senders.list_held_secrets(other.name))[:left], in_use=False))
        texts += theirs
        senders |= {text.id: other.name for text in theirs}
    return SecretsToTry(tuple(texts), senders)


async def keys_to_try(reach: Reach, record: SignatureKeyRecord) -> KeysToTry:
    """The key itself, then others of its app, then others in reach."""
    now = int(reach.clock())
    keys = reach.signature_keys
    beside = [
        *await keys.list_signature_keys(app_id=record.app_id, limit=KEYS_TRIED_MAX),
        *await keys.list_signature_keys(limit=KEYS_TRIED_MAX),
    ]
    found: dict[str, dict[str, str]] = {}
    in_use = []
    for one in (record, *(other for other in beside if _has_power_over(reach, other))):
        jwk = None if one.id in found or len(found) >= KEYS_TRIED_MAX else _jwk_of(one, reach.master_keys)
        if jwk is not None:
            found[one.id] = jwk
            if _is_in_use(one, now):
                in_use.append(one.id)
    return KeysToTry(msgspec.json.encode({"keys": list(found.values())}), tuple(in_use), len(found))


def _newest(held: Iterable[SecretRecord]) -> list[SecretRecord]:
    return sorted(held, key=lambda record: (record.created_at, record.id), reverse=True)


def _texts(keys: MasterKeys, records: Iterable[SecretRecord], *, in_use: bool) -> Iterable[SecretText]:
    for record in records:
        try:
            text = open_text(keys, record)
        except Misconfigured:
            continue
        # Before it was here it verified nothing. So at no time more of them count than may be active.
        begins = max(record.created_at, record.not_before or 0)
        yield SecretText(id=record.id, text=text, not_before=begins, not_after=record.not_after, in_use=in_use)


def _has_power_over(reach: Reach, record: SignatureKeyRecord) -> bool:
    try:
        reach.require_makeable(record.scopes, record.metadata)
    except Rejected:
        return False
    return True


def _jwk_of(record: SignatureKeyRecord, master_keys: MasterKeys | None) -> dict[str, str] | None:
    named = {"kid": record.id, "alg": JOSE_NAMES[record.algorithm].value}
    if record.public_jwk is not None:
        return {**record.public_jwk, **named}
    if record.sealed_secret is None or master_keys is None:
        return None
    try:
        secret = open_secret(master_keys, record.id, record.sealed_secret)
    except UnsealError:
        return None
    return {"kty": "oct", "k": encode_base64url(secret).decode("ascii"), **named}


def _is_in_use(record: SignatureKeyRecord, now: int) -> bool:
    alive = record.expires_at is None or now < record.expires_at
    return alive and record.state is SignatureKeyState.ACTIVE and record.app_state == _APP_ACTIVE
