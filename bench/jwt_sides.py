"""What verifies a token in `make bench`: the bare primitive, Doorward, and the libraries beside it.

Everybody gets the same token and a key prepared beforehand, allows one algorithm, and checks `iss`, `aud` and `exp`.
"""

import hmac
import json
import secrets
import time
import warnings
from collections.abc import Callable
from typing import Any, Final, final

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_private_key
from joserfc import jwk as joserfc_jwk
from joserfc import jwt as joserfc_jwt

from doorward.crypto.jose.algorithms import Algorithm
from doorward.crypto.jose.base64url import encode_base64url
from doorward.crypto.jose.jws import parse_compact, sign_compact
from doorward.crypto.jose.key_set import KeySet
from doorward.crypto.jose.signing import generate_signing_key
from doorward.keys.fixed import FixedKeys
from doorward.methods.bearer import IssuerPolicy
from doorward.methods.bearer.verify import parse_token, verify_token

with warnings.catch_warnings():
    # authlib.jose says of itself that joserfc follows it; it is measured because it is in use. Its filter comes first.
    import authlib.deprecate  # type: ignore[import-untyped]

    warnings.simplefilter("ignore", authlib.deprecate.AuthlibDeprecationWarning)
    from authlib.jose import JsonWebKey, JsonWebToken  # type: ignore[import-untyped]
    from jose import jwk as python_jose_jwk  # type: ignore[import-untyped]
    from jose import jwt as python_jose_jwt

__all__ = ["AUDIENCE", "FLOOR", "ISSUER", "OURS", "TokenTask", "sign_tokens"]

ISSUER: Final = "https://id.example"
AUDIENCE: Final = "https://api.example"
FLOOR: Final = "raw verify"
OURS: Final = "Doorward"
Work = Callable[[], object]


@final
class TokenTask:
    """One algorithm: a key, an RFC 9068 token of nine claims that it signed, and who verifies it."""

    def __init__(self, algorithm: Algorithm) -> None:
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "sub": "9f2c41e07bd64c0aa1b0",
            "aud": AUDIENCE,
            "exp": now + 86_000,
            "iat": now,
            "jti": encode_base64url(secrets.token_bytes(16)).decode(),
            "client_id": "orders-web",
            "scope": "orders:read orders:write",
            "dw_wm": "1.20417",
        }
        self.algorithm: Final = algorithm
        self.key: Final = generate_signing_key(algorithm, secrets.token_bytes)
        self.token: Final = sign_compact(
            {"typ": "at+jwt"}, json.dumps(claims, separators=(",", ":")).encode(), self.key
        )
        self._is_hmac: Final = algorithm is Algorithm.HS256

    def node_task(self) -> dict[str, object]:
        """Token and key for `bench/node/verify.mjs`."""
        if self._is_hmac:
            return {"token": self.token.decode(), "secret": self._secret()}
        return {"token": self.token.decode(), "jwk": self.key.verification.public_jwk(), "pem": self._pem().decode()}

    def sides(self) -> dict[str, Work]:
        """Who verifies, by name; the floor and Doorward first. Each is tried once here."""
        found = {
            FLOOR: self._floor(),
            OURS: self._ours(),
            "joserfc": self._joserfc(),
            "PyJWT": self._pyjwt(),
            "Authlib": self._authlib(),
        }
        if self.algorithm is not Algorithm.EDDSA:
            found["python-jose"] = self._python_jose()
        for work in found.values():
            work()
        return found

    def _secret(self) -> str:
        return encode_base64url(self.key.private_der()).decode()

    def _pem(self) -> bytes:
        public = load_der_private_key(self.key.private_der(), None).public_key()
        return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def _jwk(self) -> Any:  # Any: every library names the type of a JWK's members differently
        return {"kty": "oct", "k": self._secret()} if self._is_hmac else self.key.verification.public_jwk()

    def _floor(self) -> Work:
        compact = parse_compact(self.token)
        data, signature = compact.signing_input, compact.signature
        if self._is_hmac:
            secret = self.key.private_der()
            return lambda: hmac.compare_digest(hmac.digest(secret, data, "sha256"), signature)
        public: Any = load_der_private_key(self.key.private_der(), None).public_key()  # Any: one of three classes
        if self.algorithm is Algorithm.EDDSA:
            return lambda: public.verify(signature, data)
        if self.algorithm is Algorithm.RS256:
            padding, scheme = PKCS1v15(), SHA256()
            return lambda: public.verify(signature, data, padding, scheme)
        der = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
        ecdsa = ECDSA(SHA256())
        return lambda: public.verify(der, data, ecdsa)

    def _ours(self) -> Work:
        # The whole of it: the claims, the principal, and everything that is asked of the feed.
        policy = IssuerPolicy(
            issuer=ISSUER,
            audiences=frozenset({AUDIENCE}),
            keys=FixedKeys(KeySet([self.key.verification])),
            algorithms=frozenset({self.algorithm}),
            own=True,
        )
        token, policies, now = self.token, {ISSUER: policy}, int(time.time())
        return lambda: verify_token(parse_token(token, policies), now)

    def _joserfc(self) -> Work:
        token, name = self.token, [self.algorithm.value]
        key = joserfc_jwk.import_key(self._jwk())
        registry = joserfc_jwt.JWTClaimsRegistry(
            iss={"essential": True, "value": ISSUER},
            aud={"essential": True, "value": AUDIENCE},
            exp={"essential": True},
        )
        return lambda: registry.validate(joserfc_jwt.decode(token, key, algorithms=name).claims)

    def _pyjwt(self) -> Work:
        token, name = self.token, [self.algorithm.value]
        key = jwt.PyJWK({**self._jwk(), "alg": self.algorithm.value})
        return lambda: jwt.decode(token, key, algorithms=name, issuer=ISSUER, audience=AUDIENCE)

    def _authlib(self) -> Work:
        token = self.token
        decoder = JsonWebToken([self.algorithm.value])
        key = JsonWebKey.import_key(self._jwk())
        options = {"iss": {"essential": True, "value": ISSUER}, "aud": {"essential": True, "value": AUDIENCE}}
        return lambda: decoder.decode(token, key, claims_options=options).validate()

    def _python_jose(self) -> Work:
        token, name = self.token.decode(), self.algorithm.value
        key = python_jose_jwk.construct(self._jwk() if self._is_hmac else self._pem().decode(), name)
        return lambda: python_jose_jwt.decode(token, key, algorithms=[name], issuer=ISSUER, audience=AUDIENCE)


def sign_tokens(task: TokenTask, count: int, now: int) -> list[bytes]:
    """So many tokens of as many subjects, each valid for most of a day."""

    def sign(number: int) -> bytes:
        claims = {
            "iss": ISSUER,
            "sub": f"9f2c41e07bd64c0aa{number:04}",
            "aud": AUDIENCE,
            "exp": now + 80_000,
            "iat": now,
            "jti": encode_base64url(secrets.token_bytes(16)).decode(),
            "client_id": "orders-web",
            "scope": "orders:read orders:write",
            "dw_wm": "1.20417",
        }
        return sign_compact({"typ": "at+jwt"}, msgspec.json.encode(claims), task.key)

    return [sign(number) for number in range(count)]
