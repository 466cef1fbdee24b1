"""Both ways with the reference libraries: PyPI and npm `http-message-signatures`."""

import datetime as dt
import json
import time
from types import SimpleNamespace
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from tests.frame.node import run_node

from doorward.crypto.signatures import PrivateKey, SignatureAlgorithm, SignatureSigner
from doorward.errors import Rejected
from doorward.methods.signature import DEFAULT_PROFILE, Message, content_digest, sign_request, verify_request

A = SignatureAlgorithm
RSA: Final = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
PRIVATE: Final[dict[SignatureAlgorithm, PrivateKey]] = {
    A.HMAC_SHA256: b"interop secret of 32 bytes. good",
    A.ED25519: ed25519.Ed25519PrivateKey.generate(),
    A.ECDSA_P256_SHA256: ec.generate_private_key(ec.SECP256R1()),
    A.ECDSA_P384_SHA384: ec.generate_private_key(ec.SECP384R1()),
    A.RSA_PSS_SHA512: RSA,
    A.RSA_V1_5_SHA256: RSA,
}
# Without dot segments: Node's URL parser resolves them, where RFC 9421 leaves a path as it is.
URL: Final = "https://api.example/a//b/c%2Fd?x=1&y=%20z"
BODY: Final = '{"name":"Zoë"}'.encode()
COMPONENTS: Final = ("@method", "@authority", "@path", "@query", "content-type", "content-digest")
HEADERS: Final = {
    "content-type": "application/json",
    "content-length": str(len(BODY)),
    "content-digest": content_digest(BODY).decode(),
}


def message(headers: dict[str, str]) -> Message:
    return Message(
        method="POST",
        target=b"/a//b/c%2Fd?x=1&y=%20z",
        scheme="https",
        authority=b"api.example",
        headers=[(name.lower().encode(), value.encode()) for name, value in headers.items()],
    )


def ours(algorithm: SignatureAlgorithm) -> dict[str, str]:
    """The headers of a request we signed."""
    signer = SignatureSigner(algorithm, PRIVATE[algorithm])
    added = sign_request(
        message(HEADERS),
        signer,
        key_id="k1",
        created=int(time.time()),
        entropy=lambda size: b"n" * size,
        body=BODY,
        more_components=['"@query-param";name="y"'],
    )
    return HEADERS | {name.decode(): value.decode() for name, value in added}


def admits(algorithm: SignatureAlgorithm, headers: dict[str, str]) -> bool:
    """Whether we admit a request they signed, and only as it is."""
    keys = {"k1": SignatureSigner(algorithm, PRIVATE[algorithm]).verifier}
    found = verify_request(message(headers), keys, DEFAULT_PROFILE, int(time.time()))
    with pytest.raises(Rejected):
        verify_request(message(headers | {"content-type": "text/html"}), keys, DEFAULT_PROFILE, int(time.time()))
    return found is not None


def _pem(key: PrivateKey, *, private: bool) -> str:
    if isinstance(key, bytes):
        return key.decode()
    if private:
        return key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
    public = key.public_key()
    return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def _python(algorithm: SignatureAlgorithm) -> tuple[Any, Any, Any]:
    library = pytest.importorskip("http_message_signatures")

    class Keys(library.HTTPSignatureKeyResolver):  # type: ignore[misc, name-defined]  # of a library that may be absent
        def resolve_private_key(self, key_id: str) -> Any:
            del key_id
            return PRIVATE[algorithm]

        def resolve_public_key(self, key_id: str) -> Any:
            del key_id
            key = PRIVATE[algorithm]
            return key if isinstance(key, bytes) else key.public_key()

    theirs = getattr(library.algorithms, algorithm.name)
    return library, theirs, Keys()


@pytest.mark.parametrize("algorithm", A)
def test_the_python_library_verifies_what_we_sign(algorithm: SignatureAlgorithm) -> None:
    library, theirs, keys = _python(algorithm)
    verifier = library.HTTPMessageVerifier(signature_algorithm=theirs, key_resolver=keys)
    request = SimpleNamespace(method="POST", url=URL, headers=ours(algorithm))
    (result,) = verifier.verify(request, require_components=COMPONENTS, body=BODY)
    assert result.body == BODY


@pytest.mark.parametrize("algorithm", A)
def test_we_verify_what_the_python_library_signs(algorithm: SignatureAlgorithm) -> None:
    library, theirs, keys = _python(algorithm)
    request = SimpleNamespace(method="POST", url=URL, headers=dict(HEADERS))
    library.HTTPMessageSigner(signature_algorithm=theirs, key_resolver=keys).sign(
        request,
        key_id="k1",
        nonce="abc",
        created=dt.datetime.now(tz=dt.UTC),
        use_existing_digest=True,
        covered_component_ids=(*COMPONENTS, '"@query-param";name="y"'),
    )
    assert admits(algorithm, request.headers)


_NODE: Final = """
const { httpbis, createSigner, createVerifier } = require('http-message-signatures');
const said = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const request = { method: 'POST', url: said.url, headers: said.headers };
(async () => {
  if (said.sign) {
    const key = createSigner(said.key, said.alg, 'k1');
    const signed = await httpbis.signMessage({ key, name: 'theirs', fields: said.fields,
      params: ['created', 'keyid', 'nonce', 'alg'], paramValues: { nonce: 'abc' } }, request);
    console.log(JSON.stringify(signed.headers));
  } else {
    const verify = createVerifier(said.key, said.alg);
    const keyLookup = async () => ({ id: 'k1', algs: [said.alg], verify });
    console.log(JSON.stringify(await httpbis.verifyMessage({ keyLookup, requiredFields: said.fields }, request)));
  }
})().catch((error) => { console.error(error); process.exit(1); });
"""


def _node(**said: Any) -> Any:
    return json.loads(run_node(_NODE, given=json.dumps(said)))


# The npm package salts RSA-PSS with as many octets as fit, where RFC 9421 section 3.3.1 wants 64.
_NODE_SIGNS: Final = [algorithm for algorithm in A if algorithm is not A.RSA_PSS_SHA512]


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", _NODE_SIGNS)
def test_we_verify_what_the_npm_package_signs(algorithm: SignatureAlgorithm) -> None:
    key = _pem(PRIVATE[algorithm], private=True)
    headers = _node(sign=True, url=URL, headers=HEADERS, alg=algorithm.value, key=key, fields=COMPONENTS)
    assert admits(algorithm, headers)


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", A)
def test_the_npm_package_verifies_what_we_sign(algorithm: SignatureAlgorithm) -> None:
    key = _pem(PRIVATE[algorithm], private=False)
    headers = ours(algorithm)
    assert _node(sign=False, url=URL, headers=headers, alg=algorithm.value, key=key, fields=COMPONENTS) is True
    headers["content-type"] = "text/html"
    with pytest.raises(AssertionError):
        assert _node(sign=False, url=URL, headers=headers, alg=algorithm.value, key=key, fields=COMPONENTS)
