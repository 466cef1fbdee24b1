"""The signed requests of the tour (RFC 9421): of an app whose private key never leaves it.

The app signs here as the RFC says, without Doorward's own code.
"""

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import httpx2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tools.demo_tokens import TokenOffice
from tools.demo_tour import Case, Outcome, ask_case

__all__ = ["SIGNED_GROUP", "SIGN_REQUEST", "RequestSigner", "tour_of_signed_requests"]

SIGNED_GROUP: Final = "Signed request"
_PRIVATE: Final = "till.jwk"
SIGN_REQUEST: Final = ("signatures", "sign", "--scheme", "http", "--keys", _PRIVATE, "--request", "-")
"""The command that signs a request as the app, in the folder of the demo."""
_ORDER: Final = b'{"item": "tea", "quantity": 3}'


class RequestSigner:
    """A key pair of an app; Doorward knows its public half.

    Args:
        office: beside the server.
        app_id: whose it is.
    """

    def __init__(self, office: TokenOffice, app_id: str) -> None:
        self._key: Final = Ed25519PrivateKey.generate()
        x = base64.urlsafe_b64encode(self._key.public_key().public_bytes_raw()).rstrip(b"=").decode()
        jwk = {"kty": "OKP", "crv": "Ed25519", "x": x}
        public = office.folder / "till.public.jwk"
        public.write_text(json.dumps(jwk))
        granted = ("--scope", "orders:read", "--scope", "orders:write")
        said = office.run_command("signatures", "keys", "register", app_id, str(public), *granted, "--json")
        self.key_id: Final[str] = json.loads(said)["id"]
        d = base64.urlsafe_b64encode(self._key.private_bytes_raw()).rstrip(b"=").decode()
        private = office.folder / _PRIVATE
        private.touch(0o600)
        private.write_text(json.dumps({**jwk, "d": d, "kid": self.key_id}) + "\n")

    def sign(self, method: str, url: str, body: bytes | None = None) -> Mapping[str, str]:
        """The headers to add: over method, host, path, query and the body's digest, as the default profile asks."""
        target = urlsplit(url)
        covered = {
            '"@method"': method,
            '"@authority"': target.netloc,
            '"@path"': target.path,
            '"@query"': "?" + target.query,
        }
        added = {}
        if body is not None:
            digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
            added["content-digest"] = f"sha-256=:{digest}:"
            covered |= {'"content-type"': "application/json", '"content-digest"': added["content-digest"]}
        said = f'created={int(time.time())};keyid="{self.key_id}";nonce="{secrets.token_urlsafe(16)}"'
        parameters = f"({' '.join(covered)});{said}"
        lines = [f"{name}: {value}" for name, value in covered.items()]
        base = "\n".join([*lines, f'"@signature-params": {parameters}'])
        signature = base64.b64encode(self._key.sign(base.encode())).decode()
        return {**added, "signature-input": f"sig1={parameters}", "signature": f"sig1=:{signature}:"}


def tour_of_signed_requests(client: httpx2.Client, office: TokenOffice, app_id: str, orders: str) -> list[Outcome]:
    """Ask in every way that matters; the order matters."""
    signer, read, write = RequestSigner(office, app_id), "GET /orders", "POST /orders"
    signed = signer.sign("GET", f"{orders}/orders")
    with_body = signer.sign("POST", f"{orders}/orders", _ORDER)
    elsewhere = signer.sign("GET", f"{orders}/legacy/orders")
    altered = signer.sign("POST", f"{orders}/orders", _ORDER.replace(b"3", b"30"))
    invalid = "credential_invalid"
    return [
        ask_case(client, Case(SIGNED_GROUP, *rest))
        for rest in (
            (read, "signed, Ed25519", signed, 200),
            (read, "sent twice: a copy", signed, 401, "replayed"),
            (read, "signed for another URL", elsewhere, 401, invalid),
            (write, "signed with its body", with_body, 201, "", _ORDER),
            (write, "with another body", altered, 401, "signature_digest", _ORDER),
        )
    ]
