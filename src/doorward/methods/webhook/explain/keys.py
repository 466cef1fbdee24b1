"""The keys a secret's text may have been meant as: text, base64, hex, with its prefix or without, with white space."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Final, final

import msgspec

from doorward.crypto.ed25519 import Ed25519Verifier
from doorward.errors import Misconfigured
from doorward.methods.explaining.change import Change, Variant
from doorward.methods.webhook.schemes import Scheme, SecretForm
from doorward.methods.webhook.secrets import SECRET_PREFIX, parse_secret

__all__ = ["KeyVariant", "SecretText", "key_variants", "verifiers_of"]


@final
class SecretText(msgspec.Struct, frozen=True, kw_only=True):
    """A secret as it is configured, or one that is not in use and may be what the sender signed with.

    Args:
        id: what it is called; told.
        text: the secret itself; never told.
        not_before: from when it is active, epoch seconds.
        not_after: until when.
        in_use: whether deliveries of this sender are verified with it; False for another endpoint's or a retired one.
    """

    id: str
    text: str
    not_before: int | None = None
    not_after: int | None = None
    in_use: bool = True

    def __repr__(self) -> str:
        return f"SecretText({self.id!r})"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        return [("id", self.id)]


@final
class KeyVariant(msgspec.Struct, frozen=True):
    """A key, whose it is, and what had to be changed to come to it."""

    secret_id: str
    key: bytes
    changes: tuple[Change, ...]

    def __repr__(self) -> str:
        return f"KeyVariant({self.secret_id!r})"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        return [("secret_id", self.secret_id)]


def _change(name: str, fits_when: str, cure: str) -> Change:
    return Change(f"secret.{name}", fits_when, cure)


_FORM_CURE: Final = (
    "Say in the configuration how the secret is written, or configure it the way the sender's page says."
)
_COPY_CURE: Final = "Configure the secret without anything around it."


def _text(text: str) -> bytes | None:
    return text.encode()


def _other(write: Callable[[str], str]) -> Callable[[str], bytes | None]:
    return lambda text: None if write(text) == text else write(text).encode()


def _hex(text: str) -> bytes | None:
    try:
        return bytes.fromhex(text) if text.isalnum() else None
    except ValueError:
        return None


def _base64(text: str) -> bytes | None:
    bare = text.strip().rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def _without(prefix: str, read: Callable[[str], bytes | None]) -> Callable[[str], bytes | None]:
    return lambda text: read(text[len(prefix) :]) if text.startswith(prefix) else None


_READINGS: Final[tuple[tuple[Change, Callable[[str], bytes | None]], ...]] = (
    (_change("space", "the white space around the secret is taken away", _COPY_CURE), _other(str.strip)),
    (
        _change("quotes", "the quotation marks around the secret are taken away", _COPY_CURE),
        _other(lambda text: text.strip("\"'`")),
    ),
    (
        _change("prefix", "the secret is taken as text without its prefix whsec_", _FORM_CURE),
        _without(SECRET_PREFIX, _text),
    ),
    (
        _change("base64", "the secret is decoded from base64 after its prefix whsec_", _FORM_CURE),
        _without(SECRET_PREFIX, _base64),
    ),
    (
        _change("text", "the secret is taken as text, with its prefix and not decoded", _FORM_CURE),
        _text,
    ),
    (_change("base64", "the secret is decoded from base64", _FORM_CURE), _base64),
    (_change("hex", "the secret is decoded from hex", _FORM_CURE), _hex),
    (
        _change("prefix", "the secret has the prefix whsec_, as text", _FORM_CURE),
        lambda text: _text(SECRET_PREFIX + text),
    ),
    (
        _change("newline", "the sender's secret ends with a newline", "Take the newline out of the sender's secret."),
        lambda text: _text(text + "\n"),
    ),
    (
        _change("newline", "the sender's secret ends with CR LF", "Take the CR LF out of the sender's secret."),
        lambda text: _text(text + "\r\n"),
    ),
    (_change("case", "the secret is in lower case", _COPY_CURE), _other(str.lower)),
    (_change("case", "the secret is in upper case", _COPY_CURE), _other(str.upper)),
    (
        _change("hex", "the secret is decoded from hex after its prefix whsec_", _FORM_CURE),
        _without(SECRET_PREFIX, _hex),
    ),
)


def key_variants(scheme: Scheme, secrets: Sequence[SecretText], now: int) -> list[KeyVariant]:
    """Every reading of every secret: those in use first, each as configured before it is read otherwise."""
    ordered = sorted(secrets, key=lambda secret: bool(_absent(secret, now)))
    found: dict[bytes, KeyVariant] = {}
    for secret in ordered:
        absent = _absent(secret, now)
        for reading in _readings(scheme, secret.text):
            found.setdefault(reading.value, KeyVariant(secret.id, reading.value, absent + reading.changes))
    return sorted(found.values(), key=lambda variant: len(variant.changes))


def verifiers_of(
    scheme: Scheme, secrets: Sequence[SecretText], now: int
) -> list[tuple[str, Ed25519Verifier, tuple[Change, ...]]]:
    """The public keys among the secrets."""
    found = []
    for secret in secrets:
        try:
            parsed = parse_secret(scheme, secret.text.strip(), secret_id=secret.id, danger_short=True)
        except Misconfigured:
            continue
        if parsed.verifier is not None:
            found.append((secret.id, parsed.verifier, _absent(secret, now)))
    return found


def _readings(scheme: Scheme, text: str) -> list[Variant[bytes]]:
    configured = _configured(scheme.secret_form, text)
    found = [] if configured is None else [Variant(configured)]
    found += [Variant(key, (change,)) for change, read in _READINGS if (key := read(text))]
    stripped = _configured(scheme.secret_form, text.strip().strip("\"'`"))
    if stripped is not None:
        found.append(Variant(stripped, (_READINGS[0][0],)))
    # An empty key would fit whatever was signed without a secret; that is told by no reading of a secret.
    return [variant for variant in found if variant.value]


def _configured(form: SecretForm, text: str) -> bytes | None:
    if form is SecretForm.TEXT:
        return text.encode()
    if form is SecretForm.HEX:
        return _hex(text)
    if text != text.strip():
        return None
    return _base64(text.removeprefix(SECRET_PREFIX) if form is SecretForm.STANDARD else text)


def _absent(secret: SecretText, now: int) -> tuple[Change, ...]:
    if not secret.in_use:
        return (
            _change(
                "other",
                f"the secret is {secret.id}, which is not the one in use here",
                "The sender still signs with a retired secret, or with another endpoint's: configure the secret of "
                "this endpoint at both ends, and keep the old one active until nothing matches it any more.",
            ),
        )
    if secret.not_after is not None and now >= secret.not_after:
        return (
            _change(
                "retired",
                f"the secret is {secret.id}, which was retired {now - secret.not_after} s before",
                "The sender still signs with the old secret: give it the new one, or let the old one be active longer.",
            ),
        )
    if secret.not_before is not None and now < secret.not_before:
        return (
            _change(
                "early",
                f"the secret is {secret.id}, which becomes active {secret.not_before - now} s later",
                "The sender signs with the new secret already: let it be active from now on.",
            ),
        )
    return ()
