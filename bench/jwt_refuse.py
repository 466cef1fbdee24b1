"""What a stranger costs who sends no token at all: a megabyte, a hundred thousand dots, deep JSON."""

import secrets
import time
from collections.abc import Callable
from typing import Final

from bench.measure import Line, at_most, interleave, median_interval

from doorward.crypto.jose.algorithms import Algorithm
from doorward.crypto.jose.base64url import encode_base64url
from doorward.crypto.jose.jws import TOKEN_BYTES_MAX, parse_compact, parse_payload, sign_compact, verify_compact
from doorward.crypto.jose.signing import generate_signing_key
from doorward.errors import Rejected

__all__ = ["NOTE", "TITLE", "measure"]

TITLE: Final = "Refuse what is no token"
NOTE: Final = (
    "CPU time of one process until the refusal is raised, for the largest of each kind that is read at all "
    f"({TOKEN_BYTES_MAX:,} octets) and for what is larger, which is not read. No text of a stranger may buy more work "
    "than a few signatures."
)
_GATE_US: Final = 500.0
_SIGNATURE: Final = b"." + encode_base64url(bytes(64))


def _deep(opening: bytes, closing: bytes, octets: int) -> bytes:
    depth = octets // (len(opening) + len(closing))
    return b'{"a":' + opening * depth + b"1" + closing * depth + b"}"


def _cases() -> dict[str, bytes]:
    header = encode_base64url(b'{"alg":"ES256"}')
    # As much JSON as fits into the largest token that is taken apart.
    room = (TOKEN_BYTES_MAX - len(header) - len(_SIGNATURE) - 8) * 3 // 4
    good = sign_compact(
        {"typ": "at+jwt"}, b'{"iss":"https://id.example"}', generate_signing_key(Algorithm.ES256, secrets.token_bytes)
    )
    escaped = b'{"\\u0061":1,' + b",".join(b'"a":1' for _ in range(room // 6 - 4)) + b"}"
    repeated = b"{" + b",".join(b'"a":1' for _ in range(room // 6 - 2)) + b"}"
    return {
        "1 MB of letters": b"A" * 1_000_000,
        "1 MB of octets": secrets.token_bytes(1_000_000),
        "100,000 dots": b"." * 100_000,
        f"{TOKEN_BYTES_MAX:,} dots": b"." * TOKEN_BYTES_MAX,
        f"{TOKEN_BYTES_MAX:,} letters": b"A" * (TOKEN_BYTES_MAX - 2) + b"..",
        "arrays nested without end, as header": encode_base64url(b'{"alg":' + b"[" * (room - 10))
        + b".e30"
        + _SIGNATURE,
        "objects nested and closed, as header": encode_base64url(_deep(b'{"a":', b"}", room - 10))
        + b".e30"
        + _SIGNATURE,
        "arrays nested and closed, as claims": header
        + b"."
        + encode_base64url(_deep(b"[", b"]", room - 10))
        + _SIGNATURE,
        "one member a thousand times, as claims": header + b"." + encode_base64url(repeated) + _SIGNATURE,
        "the same, one name with an escape": header + b"." + encode_base64url(escaped) + _SIGNATURE,
        "numbers that are slow to read, as claims": header
        + b"."
        + encode_base64url(b'{"a":[1' + b",1e308" * (room // 6 - 2) + b"]}")
        + _SIGNATURE,
        "a good token under a stranger's key": good,
    }


def _refusing(presented: bytes) -> Callable[[int], None]:
    key = generate_signing_key(Algorithm.ES256, secrets.token_bytes).verification

    def refuse() -> None:
        try:
            # The claims are read first, as a verifier of several issuers has to.
            compact = parse_compact(presented)
            parse_payload(compact)
            verify_compact(compact, key)
        except Rejected:
            return
        raise AssertionError("not refused")

    def work(calls: int) -> None:
        for _ in range(calls):
            refuse()

    return work


def measure(*, rounds: int) -> list[Line]:
    """See the module."""
    sides = {name: _refusing(presented) for name, presented in _cases().items()}
    found = interleave(sides, rounds=rounds, calls=200, clock=time.process_time_ns)
    lines = []
    for name, samples in found.items():
        figure = median_interval(samples)
        lines.append(Line(name, figure.show("µs"), f"≤ {_GATE_US:.0f} µs", at_most(figure, _GATE_US)))
    return lines
