"""`SignedRequests`: requests that were signed (RFC 9421), at a door, each once.

`Door(SignedRequests(store))` takes the keys of the store's apps; `Door(SignedRequests(store, keys="partners.jwks"))`
those of a file.

Nothing is opened before the first request or the start of the app, but for a file of keys, which is read at once.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from doorward.app.in_the_store import IN_THE_STORE, Stored
from doorward.crypto.signature_keys import parse_json_keys
from doorward.crypto.signatures import SignatureKey
from doorward.errors import Misconfigured
from doorward.methods.signature import PROFILES, CoverageProfile
from doorward.methods.signature.config import CHECKED_BODY_BYTES_MAX
from doorward.methods.signature.method import RequestSignatures, SignatureConfig, SignatureStore
from doorward.methods.signature.sources import FixedKeys, SignatureKeySource
from doorward.methods.signature.stored import StoredKeys, StoredKeysStore
from doorward.values import Scopes

__all__ = ["KEYS_BYTES_MAX", "Keys", "SignedRequests"]

KEYS_BYTES_MAX: Final = 4 * 1_048_576
"""How long the text of a JWK set may be."""

Keys: TypeAlias = str | bytes | Path | Mapping[str, SignatureKey] | SignatureKeySource
"""A JWK set, or one JWK: the path of a file, or the text itself; keys by their ids; or whatever finds them."""


def SignedRequests(  # noqa: N802  # it is used like the classes beside it; what it makes is `RequestSignatures`
    store: SignatureStore,
    *,
    keys: Keys | Stored = IN_THE_STORE,
    profile: str | CoverageProfile = "default",
    label: str | None = None,
    tag: str | None = None,
    scopes: Scopes | None = None,
    body_bytes_max: int = CHECKED_BODY_BYTES_MAX,
) -> RequestSignatures:
    """Admits requests signed by a known key. Where the profile demands a nonce, a request counts once, in all processes
    together.

    Args:
        store: from `open_store`: where nonces are claimed, and whose keys are taken when none are said.
        keys: the program's own. Left out: those of the store's apps. Never None, which is what a variable answers that
            is not set: it would admit every app of the store.
        profile: what must be covered, or its name: `default`, `danger-replayable`, `web-bot-auth`, `danger-any`.
        label: of several signatures the one of this label counts.
        tag: of several signatures the one of this tag counts.
        scopes: what the program's own keys may be used for; nothing when it is not said.
        body_bytes_max: how large a signed body may be. It costs no memory: beyond 256 KiB it waits on disk.

    Raises:
        Misconfigured: any of it cannot be; what is wrong, never a key.
    """
    config = SignatureConfig(profile=_profile(profile, label, tag), body_bytes_max=body_bytes_max)
    return RequestSignatures(store, config, _source(store, keys, scopes))


def _profile(profile: str | CoverageProfile, label: str | None, tag: str | None) -> CoverageProfile:
    chosen = PROFILES.get(profile) if isinstance(profile, str) else profile
    if chosen is None:
        raise Misconfigured(f"There is no profile {profile!r}.", cure=f"Choose one of {', '.join(PROFILES)}.")
    return msgspec.structs.replace(chosen, label=label or chosen.label, tag=tag or chosen.tag)


def _source(store: SignatureStore, keys: Keys | Stored | None, scopes: Scopes | None) -> SignatureKeySource:
    if keys is None:
        raise Misconfigured(
            "The keys of signed requests are None.",
            cure="Look whether the variable is set that they come from, or leave keys out to take those of the store.",
        )
    if isinstance(keys, Stored | SignatureKeySource):
        if scopes is not None:
            raise Misconfigured("Keys of a store have scopes of their own.", cure="Leave scopes out.")
        return _stored(store) if isinstance(keys, Stored) else keys
    if not isinstance(keys, Mapping):
        keys = _parse(keys)
    if not keys:
        raise Misconfigured("There is no key to verify a signature with.", cure="Give one, or a JWK set with one.")
    return FixedKeys(keys, scopes=scopes)


def _stored(store: SignatureStore) -> SignatureKeySource:
    if not isinstance(store, StoredKeysStore):
        raise Misconfigured("The store holds no signature keys.", cure="Say keys=: a JWK set, or keys by their ids.")
    return StoredKeys(store)


def _parse(keys: str | bytes | Path) -> dict[str, SignatureKey]:
    if isinstance(keys, str):
        text = keys.encode() if keys.lstrip().startswith("{") else _read(Path(keys))
    else:
        text = _read(keys) if isinstance(keys, Path) else keys
    if len(text) > KEYS_BYTES_MAX:
        raise Misconfigured(f"A JWK set is longer than {KEYS_BYTES_MAX} bytes.", cure="Give the keys that are used.")
    return {key_id: key.verifier for key_id, key in parse_json_keys(text).items() if key.verifier is not None}


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(KEYS_BYTES_MAX + 1)
    except OSError as error:
        raise Misconfigured(f"The keys in {path} cannot be read: {error.strerror}.", cure="Give a JWK set.") from None
