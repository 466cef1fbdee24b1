"""Signed requests (RFC 9421): verify one, its 1 KB body included, above primitives and beside the reference library."""

import gc
import importlib
import os
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from bench.measure import (
    Line,
    Verdict,
    at_least,
    at_most,
    interleave,
    median_interval,
    paired_differences,
    paired_ratios,
)
from bench.signed_upload import upload_lines
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from doorward.crypto.signatures import PrivateKey, SignatureAlgorithm, SignatureSigner
from doorward.methods.signature import (
    DEFAULT_PROFILE,
    BodyCheck,
    Message,
    content_digest,
    parse_signatures,
    sign_request,
    verify_request,
)
from doorward.methods.signature.base import build_base
from doorward.methods.signature.digest import ExpectedDigest, parse_content_digest
from doorward.wire.request import index_headers

__all__ = ["NOTE", "TITLE", "measure"]

TITLE: Final = "Signed requests (RFC 9421)"
NOTE: Final = (
    "CPU time of one process: parse both fields, build the base of six components, verify the signature, look at what "
    "it covers and when it was made, hash a body of 1 KB; eight requests in turn, each with a nonce and a time of its "
    "own. Beside it the primitive alone over the same bases, and by how much we are above it: what the gates "
    "leave of the primitives when they were set, and what travels from machine to machine. "
    "And PyPI http-message-signatures doing the same, its body check included (left out where it is not installed)."
)
A = SignatureAlgorithm
# The key, the gate, and the primitive when that was set (DESIGN section 9).
_KEYS: Final[dict[SignatureAlgorithm, tuple[PrivateKey, float, float]]] = {
    A.HMAC_SHA256: (b"a secret of thirty-two bytes ok!", 15.0, 1.9),
    A.ED25519: (ed25519.Ed25519PrivateKey.generate(), 120.0, 105.0),
    A.ECDSA_P256_SHA256: (ec.generate_private_key(ec.SECP256R1()), 80.0, 63.0),
}
_REQUESTS: Final = 8
_BODY: Final = b"x" * 1_024
_LARGE: Final = bytes(1 << 20)
_GIGABYTE: Final = 1 << 30
_PIECE: Final = 1 << 16
_GROWN_MIB_MAX: Final = 8
_TARGET: Final = b"/foo?param=Value&Pet=dog"
_PLAIN: Final = (
    (b"host", b"api.example"),
    (b"content-type", b"application/json"),
    (b"content-length", b"1024"),
    (b"accept", b"*/*"),
    (b"user-agent", b"bench/1"),
)
_HMAC_RATIO: Final = 10.0
_LARGE_RATIO: Final = 1.1


Headers = tuple[tuple[bytes, bytes], ...]


def _message(headers: Headers) -> Message:
    return Message(method="POST", target=_TARGET, scheme="https", authority=b"api.example", headers=headers)


def _ours(requests: list[Headers], signer: SignatureSigner, now: int) -> Callable[[int], None]:
    keys = {"k1": signer.verifier}
    # The door has made these indexes by then.
    received = [(headers, index_headers(headers)) for headers in requests]

    def run(calls: int) -> None:
        for number in range(calls):
            headers, by_name = received[number % _REQUESTS]
            message = Message(
                method="POST",
                target=_TARGET,
                scheme="https",
                authority=b"api.example",
                headers=headers,
                by_name=by_name,
            )
            verified = verify_request(message, keys, DEFAULT_PROFILE, now)
            assert verified is not None
            check = verified.body()
            assert check is not None
            check.update(_BODY)
            check.verify_end()

    return run


def _floor(requests: list[Headers], signer: SignatureSigner) -> Callable[[int], None]:
    # The very same signatures: how long a verification by a public key takes depends on the digits of the signature.
    signed = [_signature_and_base(_message(headers)) for headers in requests]

    def run(calls: int) -> None:
        for number in range(calls):
            signature, base = signed[number % _REQUESTS]
            assert signer.verifier.has_signed(signature, base)

    return run


def _signature_and_base(message: Message) -> tuple[bytes, bytes]:
    (presented,) = parse_signatures(message) or ()
    return presented.signature, build_base(presented.covered, presented.said.text, message)


def _reference(headers: Headers, algorithm: SignatureAlgorithm, key: PrivateKey) -> Callable[[int], None] | None:
    try:
        library: Any = importlib.import_module("http_message_signatures")  # Any: it may be absent
    except ImportError:
        return None
    public = key if isinstance(key, bytes) else key.public_key()
    resolver = SimpleNamespace(resolve_public_key=lambda _: public, resolve_private_key=lambda _: key)
    verifier = library.HTTPMessageVerifier(
        signature_algorithm=getattr(library.algorithms, algorithm.name), key_resolver=resolver
    )
    request = SimpleNamespace(
        method="POST",
        url="https://api.example" + _TARGET.decode(),
        headers={name.decode(): value.decode() for name, value in headers},
    )

    def run(calls: int) -> None:
        for _ in range(calls):
            verifier.verify(request, body=_BODY)

    return run


def _lines(algorithm: SignatureAlgorithm, rounds: int) -> list[Line]:
    key, gate, primitive = _KEYS[algorithm]
    signer = SignatureSigner(algorithm, key)
    now = int(time.time())
    plain = _message(_PLAIN)
    requests: list[Headers] = [
        (*_PLAIN, *sign_request(plain, signer, key_id="k1", created=now - age, entropy=os.urandom, body=_BODY))
        for age in range(_REQUESTS)
    ]
    sides = {"ours": _ours(requests, signer, now), "floor": _floor(requests, signer)}
    reference = _reference(requests[0], algorithm, key)
    if reference is not None:
        sides["reference"] = reference
    found = interleave(sides, rounds=rounds, calls=200)
    ours = median_interval(found["ours"])
    above, share = paired_differences(found, "ours", "floor"), gate - primitive
    name = algorithm.value
    lines = [
        Line(f"{name}: verify", ours.show("µs", 1), f"≤ {gate:.0f} µs", at_most(ours, gate)),
        Line(f"{name}: the primitive alone", median_interval(found["floor"]).show("µs", 1)),
        Line(f"{name}: above the primitive", above.show("µs", 1), f"≤ {share:.1f} µs", at_most(above, share)),
    ]
    if reference is not None:
        ratio = paired_ratios(found, "reference", "ours")
        gated = algorithm is A.HMAC_SHA256
        lines.append(Line(f"{name}: http-message-signatures", median_interval(found["reference"]).show("µs", 1)))
        lines.append(
            Line(
                f"{name}: so many times ours",
                ratio.show(digits=1),
                f"≥ {_HMAC_RATIO:.0f}" if gated else "",
                at_least(ratio, _HMAC_RATIO) if gated else Verdict.NO_GATE,
            )
        )
    return lines


def _large(rounds: int) -> Line:
    expected = parse_content_digest(content_digest(_LARGE))

    def check(calls: int) -> None:
        for _ in range(calls):
            body = BodyCheck(expected)
            for start in range(0, len(_LARGE), 1 << 16):
                body.update(_LARGE[start : start + (1 << 16)])
            body.verify_end()

    def raw(calls: int) -> None:
        for _ in range(calls):
            sha256(_LARGE).digest()

    ratio = paired_ratios(interleave({"check": check, "raw": raw}, rounds=rounds, calls=10), "check", "raw")
    gate = f"≤ {_LARGE_RATIO}"
    return Line("1 MB body in pieces of 64 KB, over raw SHA-256", ratio.show(), gate, at_most(ratio, _LARGE_RATIO))


def _streamed() -> list[Line]:
    """A body of a gigabyte, verified as it passes: what of it stays in memory."""
    pieces = _GIGABYTE // _PIECE
    piece = bytes(_PIECE)
    expected = sha256()
    for _ in range(pieces):
        expected.update(piece)
    check = BodyCheck((ExpectedDigest("sha-256", expected.digest()),))
    gc.collect()
    before, most = _resident_bytes(), 0
    for number in range(pieces):
        # Fresh octets every time, as a socket gives them.
        check.update(bytes(_PIECE))
        if number % 1_024 == 0:
            most = max(most, _resident_bytes())
    check.verify_end()
    grown = max(0.0, (most - before) / 2**20)
    verdict = Verdict.MET if grown <= _GROWN_MIB_MAX else Verdict.MISSED
    return [Line("1 GB body streamed: memory grows by", f"{grown:.1f} MiB", f"≤ {_GROWN_MIB_MAX} MiB", verdict)]


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def measure(*, rounds: int) -> list[Line]:
    """See the module."""
    return [
        *(line for algorithm in _KEYS for line in _lines(algorithm, rounds)),
        _large(rounds),
        *_streamed(),
        *upload_lines(),
    ]
