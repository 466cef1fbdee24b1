"""Throws changed and invented tokens at the parser; only `Rejected` may come out: `python -m fuzz.token_parser`.

With atheris installed the mutations are guided by coverage (`--atheris`, its own options after `--`); without it a
seeded random mutator makes `--rounds` of them, and a failure prints the seed that repeats it.
"""

import argparse
import json
import random
import sys
from contextlib import suppress
from typing import Final

from doorward.crypto.jose.algorithms import Algorithm
from doorward.crypto.jose.base64url import encode_base64url
from doorward.crypto.jose.jwk import UnusableKey, parse_jwk_set
from doorward.crypto.jose.jws import parse_compact, parse_payload, sign_compact, verify_compact
from doorward.crypto.jose.signing import generate_signing_key
from doorward.errors import Rejected

__all__ = ["CORPUS", "fuzz", "main", "mutate", "try_jwk", "try_token"]

_SEEDED: Final = random.Random(3).randbytes  # keys of no value, the same in every run
_KEYS: Final = {
    algorithm.value: generate_signing_key(algorithm, _SEEDED)
    for algorithm in (Algorithm.ES256, Algorithm.EDDSA, Algorithm.HS256)
}
_PAYLOADS: Final = (
    b'{"iss":"https://id.example","exp":1795525200,"aud":["a","b"]}',
    b"{}",
    b'{"a":{"b":[1,2.5,null]}}',
)
CORPUS: Final = frozenset(
    sign_compact({"typ": "at+jwt"}, payload, key) for key in _KEYS.values() for payload in _PAYLOADS
)
"""Good tokens: what is changed from here."""
_SORTED: Final = sorted(CORPUS)
_ODD_HEADERS: Final = (b"{", b"}", b'{"alg":"none"}', b'{"alg":"HS256","alg":"ES256"}', b"[" * 40, b"1e400")
_PIECES: Final = (
    *(bytes([octet]) for octet in b".=\n\0 -_+/A\xff"),
    *(b"..", b"=="),
    *map(encode_base64url, _ODD_HEADERS),
)


def try_token(presented: bytes) -> bool:
    """Whether the token verifies. Anything but a value or `Rejected` is a bug and comes through."""
    try:
        compact = parse_compact(presented)
    except Rejected:
        return False
    try:
        parse_payload(compact)
    except Rejected:
        pass
    else:
        json.dumps(repr(compact))
    for key in _KEYS.values():
        try:
            verify_compact(compact, key.verification)
        except Rejected:
            continue
        return True
    return False


def try_jwk(presented: bytes) -> None:
    """Read it as a key and as a set. Anything but a value or `UnusableKey` is a bug and comes through."""
    for text in (presented, b'{"keys":[' + presented + b"]}"):
        with suppress(UnusableKey):
            parse_jwk_set(text)


def mutate(seed: int) -> bytes:
    """A token changed in one to four places, the same for the same seed."""
    draw = random.Random(seed)
    token = bytearray(draw.choice(_SORTED))
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(len(token) + 1)
        kind = draw.randrange(5)
        if kind == 0:
            token[at:at] = draw.choice(_PIECES)
        elif kind == 1:
            del token[at : at + draw.randint(1, 30)]
        elif kind == 2:
            token[at : at + 1] = bytes([draw.randrange(256)])
        elif kind == 3:
            token[at:] = draw.choice(_SORTED)[at:]
        else:
            segments = bytes(token).split(b".")
            draw.shuffle(segments)
            token = bytearray(b".".join(segments))
    return bytes(token)


def _jwk(seed: int) -> bytes:
    draw = random.Random(seed)
    members: dict[str, object] = {
        name: draw.choice(
            ["EC", "RSA", "OKP", "oct", "P-256", "Ed25519", "ES256", "HS256", "AQAB", "A" * 43, 1, None, []]
        )
        for name in ("kty", "crv", "alg", "x", "y", "n", "e", "k", "kid", "use", "key_ops", "d")
        if draw.random() < 0.6
    }
    return json.dumps(members).encode()


def _try(token: bytes, jwk: bytes) -> bool:
    verified = try_token(token)
    assert not verified or token in CORPUS, "a token that nobody signed"
    try_jwk(jwk)
    return verified


def fuzz(rounds: int, seed: int) -> int:
    """Run so many rounds from a seed; how many tokens verified (those that the changes left as they were)."""
    verified = 0
    for number in range(seed, seed + rounds):
        try:
            verified += _try(mutate(number), _jwk(number))
        except BaseException:
            print(f"seed {number}: {mutate(number)!r} {_jwk(number)!r}", file=sys.stderr)
            raise
    return verified


def _with_atheris(arguments: list[str]) -> None:
    import atheris  # type: ignore[import-untyped]  # noqa: PLC0415  # only where somebody installed it

    def work(data: bytes) -> None:
        _try(data, data)

    atheris.instrument_all()
    atheris.Setup([sys.argv[0], *arguments], work)
    atheris.Fuzz()


def main(arguments: list[str]) -> int:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--atheris", nargs=argparse.REMAINDER)
    options = parser.parse_args(arguments)
    if options.atheris is not None:
        _with_atheris(options.atheris)
    verified = fuzz(options.rounds, options.seed)
    print(f"{options.rounds} rounds from seed {options.seed}: only refusals came out; {verified} were still the token")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
