"""Sign a request (RFC 9421 section 3.1): what a client does, and what `doorward signatures sign` prints.

Rules:

* What is signed is what the profile demands, and what the caller adds. The base is built by the code that verifies.
* Time and randomness are arguments. A nonce is 16 random bytes: two signers that share a key must not meet.
"""

from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import Final

from doorward.crypto.signatures import SignatureSigner
from doorward.errors import Rejected
from doorward.methods.signature.base import build_base, compile_components
from doorward.methods.signature.components import Message
from doorward.methods.signature.config import CoverageProfile
from doorward.methods.signature.digest import BodyCheck, content_digest, parse_content_digest
from doorward.methods.signature.fields import field_value
from doorward.methods.signature.profiles import DEFAULT_PROFILE, demanded_components
from doorward.methods.signature.wire import parse_signatures
from doorward.wire.request import Header
from doorward.wire.structured import Item, Parameters, serialize_dictionary, serialize_parameters

__all__ = ["NONCE_BYTES", "sign_request"]

NONCE_BYTES: Final = 16
_CONTENT_DIGEST: Final = b"content-digest"
# The order people expect to read; the order of the rest is the alphabet's. It has no meaning.
_ORDER: Final[tuple[str, ...]] = (
    '"@method"',
    '"@authority"',
    '"@scheme"',
    '"@path"',
    '"@query"',
    '"content-type"',
    '"content-encoding"',
    '"content-digest"',
)


def sign_request(
    message: Message,
    signer: SignatureSigner,
    *,
    key_id: str,
    created: int,
    entropy: Callable[[int], bytes],
    body: bytes | None = b"",
    profile: CoverageProfile = DEFAULT_PROFILE,
    more_components: Sequence[str] = (),
    lifetime_s: int | None = None,
    label: str = "sig1",
) -> tuple[Header, ...]:
    """The headers to add to a request: `Content-Digest` when it is needed and not there, and the two of the signature.

    Args:
        message: the request, as the peer will see it.
        signer: the key.
        key_id: the key's id, for the peer to find it.
        created: epoch seconds.
        entropy: gives that many random bytes; `secrets.token_bytes`.
        body: the content as it is sent; empty for none. None: it is streamed, and a `Content-Digest` that is there is
            taken at its word.
        profile: what the peer demands.
        more_components: further identifiers to cover, as a signature writes them: `"x-id"`, `"date"`.
        lifetime_s: how long until `expires`; None: none is said, unless the profile demands it.
        label: how the signature is named among several.

    Raises:
        Rejected: `signature_component`: something that must be signed is not there; `signature_digest`: a
            `Content-Digest` that is there does not fit the body; `signature_malformed`: components that cannot be, or
            a label that is taken.
    """
    if any(one.label == label for one in parse_signatures(message) or ()):
        raise Rejected("signature_malformed", "there is a signature of that label already")
    with_body = bool(body) or message.announces_body
    wanted = {*demanded_components(profile, message, with_body=with_body), *more_components}
    added: tuple[Header, ...] = ()
    if '"content-digest"' in wanted:
        added = _digest(message, body)
        if added:
            message = Message(
                method=message.method,
                target=message.target,
                scheme=message.scheme,
                authority=message.authority,
                headers=(*message.headers, *added),
            )
    ordered = [identifier for identifier in _ORDER if identifier in wanted]
    ordered += sorted(wanted.difference(_ORDER))
    covered = compile_components(f"({' '.join(ordered)})", profile.structured_fields)
    text = serialize_parameters(_parameters(profile, key_id, created, entropy, lifetime_s))
    signature = signer.sign(build_base(covered, text, message))
    return (
        *added,
        (b"signature-input", f"{label}={covered.text}{text}".encode("ascii")),
        (b"signature", serialize_dictionary({label: Item(signature)}).encode("ascii")),
    )


def _digest(message: Message, body: bytes | None) -> tuple[Header, ...]:
    there = field_value(message, _CONTENT_DIGEST)
    if there is None:
        if body is None:
            raise Rejected("signature_component", "the body is streamed, and nothing says its digest")
        return ((_CONTENT_DIGEST, content_digest(body)),)
    expected = parse_content_digest(there)
    if body is not None:
        check = BodyCheck(expected)
        check.update(body)
        check.verify_end()
    return ()


def _parameters(
    profile: CoverageProfile, key_id: str, created: int, entropy: Callable[[int], bytes], lifetime_s: int | None
) -> Parameters:
    if lifetime_s is None and "expires" in profile.parameters:
        lifetime_s = profile.age_s_max
    found: list[tuple[str, int | str]] = [("created", created)]
    if lifetime_s is not None:
        found.append(("expires", created + lifetime_s))
    found.append(("keyid", key_id))
    if "nonce" in profile.parameters:
        found.append(("nonce", urlsafe_b64encode(entropy(NONCE_BYTES)).rstrip(b"=").decode("ascii")))
    if profile.tag is not None:
        found.append(("tag", profile.tag))
    return tuple(found)
