"""Signed requests as a client would send them."""

from base64 import b64encode
from collections.abc import Sequence
from typing import Any, Final

import pytest

from doorward.crypto.signatures import SignatureAlgorithm, SignatureKey, SignatureSigner
from doorward.errors import Rejected
from doorward.methods.signature import DEFAULT_PROFILE, CoverageProfile, Message, VerifiedSignature, sign_request
from doorward.methods.signature import verify_request as verify
from doorward.methods.signature.base import build_base, compile_components
from doorward.wire.request import Header
from doorward.wire.structured import parse_parameters, serialize_parameters

__all__ = [
    "BODY",
    "KEYS",
    "NOW",
    "SIGNER",
    "changed",
    "message",
    "refused",
    "resigned",
    "signed",
    "value",
    "verified",
]

NOW: Final = 1_700_000_000
BODY: Final = b'{"amount":100}'
SIGNER: Final = SignatureSigner(SignatureAlgorithm.HMAC_SHA256, b"an HMAC secret of 32 bytes. good")
KEYS: Final[dict[str, SignatureKey]] = {"k1": SIGNER.verifier}


def message(
    *headers: Header,
    method: str = "POST",
    target: bytes = b"/orders?id=7",
    scheme: str = "https",
    authority: bytes | None = b"api.example",
    body: bytes = b"",
) -> Message:
    """A request; with a body it says so."""
    more = ((b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))) if body else ()
    return Message(method=method, target=target, scheme=scheme, authority=authority, headers=(*headers, *more))


def changed(request: Message, *, headers: Sequence[Header] | None = None, **parts: Any) -> Message:
    """The same request with something else in it."""
    kept = {
        "method": request.method,
        "target": request.target,
        "scheme": request.scheme,
        "authority": request.authority,
        **parts,
    }
    return Message(**kept, headers=request.headers if headers is None else headers)


def signed(request: Message, *, body: bytes = b"", **said: Any) -> Message:
    """The request with its signature."""
    options: dict[str, Any] = {"key_id": "k1", "created": NOW, "entropy": lambda size: b"n" * size, **said}
    signer = options.pop("signer", SIGNER)
    return changed(request, headers=(*request.headers, *sign_request(request, signer, body=body, **options)))


def resigned(request: Message, covered: str, parameters: str, *, label: str = "sig1") -> Message:
    """The request with a right signature over whatever a sender may come up with: any list, any parameters."""
    spelled = serialize_parameters(parse_parameters(parameters))
    base = build_base(compile_components(covered), spelled, request)
    headers = (
        (b"signature-input", f"{label}={covered}{parameters}".encode()),
        (b"signature", f"{label}=:{b64encode(SIGNER.sign(base)).decode()}:".encode()),
    )
    return changed(request, headers=(*request.headers, *headers))


def verified(
    request: Message, *, body: bytes | None = None, profile: CoverageProfile = DEFAULT_PROFILE, now: int = NOW
) -> VerifiedSignature | None:
    """Verify it, and its body when there is one to look at."""
    found = verify(request, KEYS, profile, now)
    if found is not None and body is not None:
        check = found.body()
        assert check is not None
        check.update(body)
        check.verify_end()
    return found


def value(request: Message, component: str) -> str:
    """The text of one component."""
    (resolve,) = compile_components(f"({component})").resolvers
    return resolve(request).decode()


def refused(request: Message, component: str) -> bool:
    """Whether that component cannot be had."""
    with pytest.raises(Rejected) as raised:
        value(request, component)
    return raised.value.code == "signature_component"
