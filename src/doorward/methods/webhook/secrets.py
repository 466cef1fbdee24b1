"""The secrets of a sender: read once where they are configured, several at a time while one replaces another.

Rules of this file:

* A secret that is read differently from how it was meant verifies nothing, or, worse, something else: what is wrong
  is said when it is configured, without ever repeating the secret.
* At least 24 bytes, and none that everybody tries first. Where the sender makes the secret it is not ours to choose,
  so a caller may say `danger_short`; an empty one is never taken (anybody can sign with that).
* The id is ours, is told in logs, and says which secret matched, so that an old one can be retired knowingly.
"""

import base64
import binascii
from collections.abc import Sequence
from typing import Final, Protocol, final

from doorward.crypto.ed25519 import (
    ED25519_KEY_BYTES,
    Ed25519Signer,
    Ed25519Verifier,
    UnusableEd25519KeyError,
)
from doorward.crypto.hashing import constant_time_equal
from doorward.crypto.jose.weak_secrets import find_weakness
from doorward.crypto.mac import mac_of
from doorward.errors import Misconfigured
from doorward.methods.webhook.config import SECRET_BYTES_MAX, SECRET_BYTES_MIN, SECRETS_MAX
from doorward.methods.webhook.schemes import Scheme, SecretForm
from doorward.values import OrganizationId

__all__ = ["PUBLIC_PREFIX", "SECRET_PREFIX", "SIGNING_PREFIX", "WebhookSecret", "active_secrets", "are_one_key"]
__all__ += ["most_active", "parse_secret", "require_few_active"]

SECRET_PREFIX: Final = "whsec_"  # noqa: S105  # the public beginning of every such secret
PUBLIC_PREFIX: Final = "whpk_"
SIGNING_PREFIX: Final = "whsk_"

_PROBE: Final = b"doorward: whether two secrets are one"
_API_KEYS: Final = ("sk_live_", "sk_test_", "rk_live_", "rk_test_", "pk_live_", "pk_test_")
_COPY: Final = "Copy the signing secret again, whole and without anything around it."


@final
class WebhookSecret:
    """One secret, or one public key, of a sender. Never shown: its `repr` tells the id alone.

    Args:
        secret_id: 1 to 200 printable characters, told in logs.
        key: what HMAC is keyed with; None for Ed25519.
        verifier: the public key; None for HMAC.
        signer: the private key, where we sign.
        not_before: epoch seconds from which it is active; None for always.
        not_after: epoch seconds up to which it is active, itself excluded; None for ever.
        organization_id: whose the sender is, when it is a customer's.
    """

    __slots__ = ("id", "key", "not_after", "not_before", "organization_id", "signer", "verifier")

    def __init__(
        self,
        secret_id: str,
        key: bytes | None,
        *,
        verifier: Ed25519Verifier | None = None,
        signer: Ed25519Signer | None = None,
        not_before: int | None = None,
        not_after: int | None = None,
        organization_id: OrganizationId | None = None,
    ) -> None:
        assert key or (verifier is not None and key is None), "a secret of no kind, or of two"
        self.id: Final = secret_id
        self.key: Final = key
        self.verifier: Final = verifier
        self.signer: Final = signer
        self.not_before: Final = not_before
        self.not_after: Final = not_after
        self.organization_id: Final = organization_id

    def __repr__(self) -> str:
        return f"WebhookSecret({self.id!r})"

    def is_active(self, now: int) -> bool:
        """Whether deliveries signed with it are taken at that second."""
        return (self.not_before is None or self.not_before <= now) and (self.not_after is None or now < self.not_after)


def are_one_key(scheme: Scheme, one: WebhookSecret, other: WebhookSecret) -> bool:
    """Whether what is signed with one of them is taken for the other's, however their texts are written.

    Keys of HMAC are one when they make the same MAC: a zero at the end counts for nothing, and one that is longer than
    a block is its digest (RFC 2104 section 2). A private key of Ed25519 and its public half are one.
    """
    if one.key is None or other.key is None:
        return (
            one.verifier is not None
            and other.verifier is not None
            and one.verifier.public_key == other.verifier.public_key
        )
    ours, theirs = (mac_of(key, (_PROBE,), scheme.digest) for key in (one.key, other.key))
    return constant_time_equal(ours, theirs)


def active_secrets(secrets: Sequence[WebhookSecret], now: int) -> tuple[WebhookSecret, ...]:
    """Those that are active, in the order given.

    Raises:
        Misconfigured: more than 8 of them: a delivery would cost that many passes over its body.
    """
    active = tuple(secret for secret in secrets if secret.is_active(now))
    if len(active) > SECRETS_MAX:
        raise _too_many(len(active))
    return active


class Spell(Protocol):
    """A time from one second up to another, itself excluded; None: without a beginning, without an end."""

    @property
    def not_before(self) -> int | None:
        """Its first second."""
        ...

    @property
    def not_after(self) -> int | None:
        """The first second after it."""
        ...


def most_active(spells: Sequence[Spell], now: int) -> int:
    """How many of them are active together, at most, from `now` on."""
    begins = [(max(now, spell.not_before or 0), spell.not_after) for spell in spells]
    # The number rises only where one begins.
    return max((sum(begin <= at and (end is None or at < end) for begin, end in begins) for at, _ in begins), default=0)


def require_few_active(secrets: Sequence[Spell], now: int) -> None:
    """See that a delivery can be verified at any time from `now` on.

    Raises:
        Misconfigured: as `active_secrets`.
    """
    most = most_active(secrets, now)
    if most > SECRETS_MAX:
        raise _too_many(most)


def _too_many(active: int) -> Misconfigured:
    return Misconfigured(
        f"{active} webhook secrets of one sender are active.",
        cure=f"Retire the older ones: at most {SECRETS_MAX} may be active at a time.",
    )


def parse_secret(
    scheme: Scheme,
    text: str,
    *,
    secret_id: str,
    not_before: int | None = None,
    not_after: int | None = None,
    organization_id: OrganizationId | None = None,
    danger_short: bool = False,
) -> WebhookSecret:
    """A secret as the scheme writes it.

    Args:
        scheme: whose.
        text: the secret; for `standard` and `svix` `whsec_` and base64 (the prefix may be missing), or `whpk_` and
            `whsk_` and base64 of an Ed25519 key; for `stripe` the whole `whsec_…` as text, as Stripe does.
        secret_id: what it is called in logs.
        not_before: from when it is active.
        not_after: until when.
        organization_id: whose the sender is, when it is a customer's.
        danger_short: take one of fewer than 24 bytes, or a known or obvious one, which can be guessed.

    Raises:
        Misconfigured: what is wrong, never the secret.
    """
    if not 0 < len(secret_id) <= 200 or not secret_id.isprintable():
        raise Misconfigured("A webhook secret's id is 1 to 200 printable characters.", cure="Name it otherwise.")
    if text != text.strip() or not text.isprintable():
        raise Misconfigured(f"The webhook secret {secret_id} has white space around it or in it.", cure=_COPY)
    if scheme.asymmetric_label and text.startswith((PUBLIC_PREFIX, SIGNING_PREFIX)):
        signer, verifier = _parse_asymmetric(text, secret_id)
        return WebhookSecret(
            secret_id,
            None,
            verifier=verifier,
            signer=signer,
            not_before=not_before,
            not_after=not_after,
            organization_id=organization_id,
        )
    if text.startswith(_API_KEYS):
        raise Misconfigured(
            f"The webhook secret {secret_id} is an API key of Stripe, which signs nothing.",
            cure="Use the endpoint's signing secret, which begins with whsec_, and roll the API key if it was shared.",
        )
    key = _parse_key(scheme.secret_form, text, secret_id)
    _check_length(key, secret_id, danger_short=danger_short)
    return WebhookSecret(secret_id, key, not_before=not_before, not_after=not_after, organization_id=organization_id)


def _check_length(key: bytes, secret_id: str, *, danger_short: bool) -> None:
    if not key:
        raise Misconfigured(f"The webhook secret {secret_id} is empty.", cure=_COPY)
    if len(key) < SECRET_BYTES_MIN and not danger_short:
        raise Misconfigured(
            f"The webhook secret {secret_id} has {len(key)} bytes and can be guessed.",
            cure=f"Use one of at least {SECRET_BYTES_MIN} random bytes.",
        )
    weakness = None if danger_short else find_weakness(key)
    if weakness is not None:
        raise Misconfigured(
            f"The webhook secret {secret_id} {weakness}, and is guessed first.",
            cure=f"Use one of at least {SECRET_BYTES_MIN} random bytes.",
        )
    if len(key) > SECRET_BYTES_MAX:
        raise Misconfigured(f"The webhook secret {secret_id} has more than {SECRET_BYTES_MAX} bytes.", cure=_COPY)


def _parse_key(form: SecretForm, text: str, secret_id: str) -> bytes:
    if form is SecretForm.TEXT:
        return text.encode()
    if form is SecretForm.HEX:
        try:
            return bytes.fromhex(text if text.isalnum() else "-")
        except ValueError:
            raise Misconfigured(f"The webhook secret {secret_id} is not hexadecimal.", cure=_COPY) from None
    return _decode(text.removeprefix(SECRET_PREFIX) if form is SecretForm.STANDARD else text, secret_id)


def _decode(text: str, secret_id: str) -> bytes:
    try:
        # Padding may be missing, as the reference libraries allow; anything else that is not base64 may not be there.
        return base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise Misconfigured(
            f"The webhook secret {secret_id} is not base64, as this scheme has it.", cure=_COPY
        ) from None


def _parse_asymmetric(text: str, secret_id: str) -> tuple[Ed25519Signer | None, Ed25519Verifier]:
    raw = _decode(text[len(PUBLIC_PREFIX) :], secret_id)
    try:
        if text.startswith(PUBLIC_PREFIX):
            return None, Ed25519Verifier(raw)
        signer = Ed25519Signer(raw[:ED25519_KEY_BYTES])
    except UnusableEd25519KeyError as error:
        raise Misconfigured(f"The webhook key {secret_id} is no Ed25519 key: {error}.", cure=_COPY) from None
    # The long form holds the public key after the seed. One that is not the seed's own is a mix of two keys.
    if raw[ED25519_KEY_BYTES:] not in {b"", signer.public_key}:
        raise Misconfigured(f"The two halves of the webhook key {secret_id} do not belong together.", cure=_COPY)
    return signer, Ed25519Verifier(signer.public_key)
