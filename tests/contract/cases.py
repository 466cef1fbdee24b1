"""The methods that keep the contract. A new method adds a case: how it is issued, presented and taken back."""

from base64 import b64encode
from collections.abc import Awaitable, Callable
from typing import Any, Final, final

import msgspec
from msgspec.structs import replace
from tests.simulators.issuer import SimulatedIssuer
from tests.simulators.request import view_of
from tests.simulators.signature_keys import SimulatedKeys
from tests.simulators.store import OPERATOR, SimulatedStore

from doorward import SignedRequests, Webhooks
from doorward.apps.port import AppRecord
from doorward.crypto.signatures import SignatureAlgorithm, SignatureSigner
from doorward.methods.apikey import ApiKeys
from doorward.methods.apikey.operations import create_key, disable_key, revoke_key
from doorward.methods.apikey.order import KeyOrder
from doorward.methods.basic import Basic
from doorward.methods.basic.operations import create_password, disable_password, revoke_password
from doorward.methods.basic.order import PasswordOrder
from doorward.methods.bearer import BearerTokens
from doorward.methods.contract import Method
from doorward.methods.opaque import OpaqueTokens
from doorward.methods.opaque.operations import issue_opaque_token, revoke_opaque_token
from doorward.methods.signature import DEFAULT_PROFILE, message_of, sign_request
from doorward.methods.signature.method import RequestSignatures
from doorward.methods.token_order import TokenOrder
from doorward.methods.webhook import SCHEMES, parse_secret, sign_delivery
from doorward.methods.webhook.method import WebhookDeliveries
from doorward.methods.webhook.operations import add_secret, add_sender
from doorward.methods.webhook.order import SecretOrder, SenderOrder
from doorward.values import CredentialId
from doorward.wire.credential import checksum_of
from doorward.wire.request import Header

__all__ = ["LIFETIME_S", "METHODS", "Issued", "MethodCase"]

LIFETIME_S: Final = 1_000
AUDIENCE: Final = "https://api.example"


@final
class Issued(msgspec.Struct, frozen=True, kw_only=True):
    """A credential in the hands of its holder, and a forgery of it that knows the id only."""

    id: CredentialId
    secret: str
    headers: tuple[Header, ...]
    forged_headers: tuple[Header, ...]


@final
class MethodCase(msgspec.Struct, frozen=True, kw_only=True):
    """What the contract suite needs of a method. `Any`: the suite runs on every method's own record types."""

    name: str
    build: Callable[[SimulatedStore], Method[Any, Any]]
    issue: Callable[[SimulatedStore, AppRecord], Awaitable[Issued]]
    """With a lifetime of `LIFETIME_S`."""
    disable: Callable[[SimulatedStore, CredentialId], Awaitable[object]] | None
    """None: what cannot be undone is all there is, or there is no record of it and only the feed knows."""
    revoke: Callable[[SimulatedStore, CredentialId], Awaitable[object]] | None
    """None: there is no record of it, so only the feed knows (`tests/door`)."""
    forget: Callable[[SimulatedStore], None]
    """Empty the store, so that every id is unknown."""
    header_names: tuple[bytes, ...]
    look_alikes: tuple[bytes, ...]
    """Beginnings of values this method takes for its own."""
    wrong_code: str = "credential_secret_mismatch"
    unknown_code: str = "credential_unknown"
    twice_code: str = "header_repeated"
    expired_code: str = "credential_expired"


def _forge(text: str) -> str:
    body = text[: -6 - 32] + "0" * 32
    return body + checksum_of(body)


async def _issue_key(store: SimulatedStore, owner: AppRecord) -> Issued:
    issued = await create_key(store, KeyOrder(app_id=owner.id, name="k", expires_in_s=LIFETIME_S), actor=OPERATOR)
    return Issued(
        id=issued.record.id,
        secret=issued.text,
        headers=((b"authorization", b"Bearer " + issued.text.encode()),),
        forged_headers=((b"authorization", b"Bearer " + _forge(issued.text).encode()),),
    )


async def _issue_password(store: SimulatedStore, owner: AppRecord) -> Issued:
    order = PasswordOrder(app_id=owner.id, name="p", expires_in_s=LIFETIME_S)
    issued = await create_password(store, order, actor=OPERATOR)

    def header(text: str) -> tuple[Header, ...]:
        return ((b"authorization", b"Basic " + b64encode(f"{owner.id}:{text}".encode())),)

    return Issued(
        id=issued.record.id,
        secret=issued.text,
        headers=header(issued.text),
        forged_headers=header(_forge(issued.text)),
    )


async def _issue_opaque(store: SimulatedStore, owner: AppRecord) -> Issued:
    order = TokenOrder(client_id=owner.id, audience=(AUDIENCE,), lifetime_s=LIFETIME_S)
    issued = await issue_opaque_token(store, order)
    return Issued(
        id=issued.record.id,
        secret=issued.text,
        headers=((b"authorization", b"Bearer " + issued.text.encode()),),
        forged_headers=((b"authorization", b"Bearer " + _forge(issued.text).encode()),),
    )


_ISSUER: Final = SimulatedIssuer()


def _bearer(store: SimulatedStore) -> BearerTokens:
    _ISSUER.keys.replace(_ISSUER.key.verification)
    return BearerTokens(_ISSUER.policy(own=True), plane=store.plane)


async def _issue_token(store: SimulatedStore, owner: AppRecord) -> Issued:
    now = int(store.clock())
    token = _ISSUER.issue(iat=now, exp=now + LIFETIME_S, client_id=owner.id)
    # Whoever knows a token's claims can write them, and put any octets where the signature belongs.
    forged = token[:-40] + b"A" * 40
    return Issued(
        id=CredentialId("tok1"),
        secret=token.decode(),
        headers=((b"authorization", b"Bearer " + token),),
        forged_headers=((b"authorization", b"Bearer " + forged),),
    )


_SIGNERS: Final = SimulatedKeys()


def _signatures(store: SimulatedStore) -> RequestSignatures:
    # Older than the credential: what is asked here is when that ends, and not when its signature does.
    profile = replace(DEFAULT_PROFILE, age_s_max=2 * LIFETIME_S)
    return SignedRequests(store, keys=_SIGNERS, profile=profile)


async def _issue_signature_key(store: SimulatedStore, owner: AppRecord) -> Issued:
    now = int(store.clock())
    key_id, secret = _SIGNERS.add(app_id=owner.id, app_name=owner.name, expires_at=now + LIFETIME_S)

    def headers(signer: SignatureSigner) -> tuple[Header, ...]:
        view = view_of()
        request = message_of(view, view.authority)
        return sign_request(request, signer, key_id=key_id, created=now, entropy=store.entropy)[::-1]

    return Issued(
        id=key_id,
        secret=secret.hex(),
        headers=headers(SignatureSigner(SignatureAlgorithm.HMAC_SHA256, secret)),
        forged_headers=headers(SignatureSigner(SignatureAlgorithm.HMAC_SHA256, secret[::-1])),
    )


async def _bar(key_id: CredentialId, code: str) -> None:
    _SIGNERS.bar(key_id, code)


_HOOKS: Final = SCHEMES["standard"]


def _webhooks(store: SimulatedStore) -> WebhookDeliveries:
    # As for signatures: what is asked is when the secret ends.
    return Webhooks(store, scheme=_HOOKS, sender="acme", tolerance_s=2 * LIFETIME_S)


async def _issue_webhook_secret(store: SimulatedStore, owner: AppRecord) -> Issued:
    now = int(store.clock())
    if await store.senders.find_sender("acme") is None:
        sender = SenderOrder(name="acme", scheme=_HOOKS.name, organization_id=owner.organization_id)
        await add_sender(store, sender, actor=OPERATOR)
    order = SecretOrder(sender="acme", not_after=now + LIFETIME_S)
    issued = await add_secret(store, order, actor=OPERATOR)
    assert issued.text is not None

    def headers(text: str) -> tuple[Header, ...]:
        secret = parse_secret(_HOOKS, text, secret_id="s")
        signed = sign_delivery(_HOOKS, [secret], b"", now=now, delivery_id="msg_1")
        return tuple((name.lower().encode(), value.encode()) for name, value in signed)[::-1]

    return Issued(
        id=issued.record.id,
        secret=issued.text,
        headers=headers(issued.text),
        forged_headers=headers("whsec_" + b64encode(store.entropy(32)).decode()),
    )


METHODS: Final = (
    MethodCase(
        name="apikey",
        build=ApiKeys,
        issue=_issue_key,
        disable=lambda store, key_id: disable_key(store, key_id, reason="r", actor=OPERATOR),
        revoke=lambda store, key_id: revoke_key(store, key_id, reason="r", actor=OPERATOR),
        forget=lambda store: store.key_rows.clear(),
        header_names=(b"authorization", b"x-api-key"),
        look_alikes=(b"Bearer dw_live_", b"Api-Key ", b"bearer  dw_test_", b"dw_live_"),
    ),
    MethodCase(
        name="basic",
        build=Basic,
        issue=_issue_password,
        disable=lambda store, password_id: disable_password(store, password_id, reason="r", actor=OPERATOR),
        revoke=lambda store, password_id: revoke_password(store, password_id, reason="r", actor=OPERATOR),
        forget=lambda store: store.password_rows.clear(),
        header_names=(b"authorization",),
        look_alikes=(b"Basic ", b"basic  ", b"Basic YTpk", b"Basic Og=="),
    ),
    MethodCase(
        name="opaque",
        build=lambda store: OpaqueTokens(store, audiences=(AUDIENCE,)),
        issue=_issue_opaque,
        disable=None,
        revoke=lambda store, token_id: revoke_opaque_token(store, token_id, reason="r", actor=OPERATOR),
        forget=lambda store: store.opaque_rows.clear(),
        header_names=(b"authorization",),
        look_alikes=(b"Bearer dw_token_", b"bearer  dw_token_", b"Bearer "),
    ),
    MethodCase(
        name="bearer",
        build=_bearer,
        issue=_issue_token,
        disable=None,
        revoke=None,
        forget=lambda _: _ISSUER.keys.replace(),
        header_names=(b"authorization",),
        look_alikes=(b"Bearer .", b"Bearer a.b.", b"bearer  eyJ.", b"Bearer eyJhbGciOiJub25lIn0."),
        wrong_code="token_signature",
        unknown_code="token_key_unknown",
    ),
    MethodCase(
        name="signature",
        build=_signatures,
        issue=_issue_signature_key,
        disable=lambda _, key_id: _bar(key_id, "credential_disabled"),
        revoke=lambda _, key_id: _bar(key_id, "credential_revoked"),
        forget=lambda _: _SIGNERS.keys.clear(),
        header_names=(b"signature", b"signature-input"),
        look_alikes=(b"sig1=:", b'sig1=("@method");keyid="k";created=1', b"sig1=()", b"sig1=:AA==:, sig2=:"),
        wrong_code="signature_mismatch",
        unknown_code="signature_key_unknown",
        twice_code="signature_malformed",
    ),
    MethodCase(
        name="webhook",
        build=_webhooks,
        issue=_issue_webhook_secret,
        disable=None,
        # Its text is erased, so nobody can prove it any more and learn that (`tests/methods/webhook`).
        revoke=None,
        forget=lambda store: store.senders.rows.clear(),
        header_names=(b"webhook-signature", b"webhook-id", b"webhook-timestamp"),
        look_alikes=(b"v1,", b"v1a,", b"v1,AA== v1,", b"msg_1", b"1800000000"),
        wrong_code="webhook_signature",
        unknown_code="webhook_signature",
        # One that has ended is not tried: whoever has it cannot prove it.
        expired_code="webhook_signature",
    ),
)
