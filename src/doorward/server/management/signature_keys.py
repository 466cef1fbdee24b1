"""`/api/v1/signature-keys`: the keys apps sign requests with.

A secret is made here and answered once. A public key is handed in; a file with a private half in it is refused, and the
answer says so, because whoever sent it must think of the pair as leaked.
"""

import re
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.exceptions import RequestValidationError

from doorward.crypto.registered_keys import RegisteredKey, UnusableKey, parse_public_key
from doorward.crypto.signatures import SignatureAlgorithm
from doorward.errors import Rejected
from doorward.frameworks.fastapi import Door
from doorward.methods.signature.operations import (
    change_signature_key,
    create_signature_key,
    disable_signature_key,
    enable_signature_key,
    register_signature_key,
    revoke_signature_key,
    rotate_signature_key,
)
from doorward.methods.signature.order import IssuedSignatureKey, SignatureKeyOrder
from doorward.methods.signature.port import SignatureKeyRecord
from doorward.server.management.asking import Asking, CredentialPageQuery
from doorward.server.management.doors import AdministratorScope, Doors
from doorward.server.management.grants import changes_of, lifetime_of, rate_of
from doorward.server.management.models import KeyChangesIn
from doorward.server.management.moves import Move, add_moves
from doorward.server.management.problems import TOLD_TYPE
from doorward.server.management.signature_models import (
    PublicKeyOrderIn,
    SignatureKeyIssued,
    SignatureKeyOrderIn,
    SignatureKeyPage,
    SignatureKeyRotation,
    SignatureKeyView,
)
from doorward.server.management.views import view_signature_key
from doorward.values import AppId, CredentialId, Principal, Scopes

__all__ = ["add_signature_key_routes", "parse_signature_key_id"]

_KEY_ID: Final = re.compile(r"sig_[0-9A-Za-z]{12}")


def parse_signature_key_id(presented_id: str) -> CredentialId:
    """A key's id; one of another form names nothing. Raises `Rejected("object_unknown")`."""
    if _KEY_ID.fullmatch(presented_id) is None:
        raise Rejected("object_unknown", "not the form of a signature key's id")
    return CredentialId(presented_id)


def add_signature_key_routes(router: APIRouter, doors: Doors, asking: Asking) -> None:
    """Read, create, register, change, rotate, disable, enable, revoke."""
    reader = doors.of(AdministratorScope.SIGNATURES_READ)
    writer = doors.of(AdministratorScope.SIGNATURES_WRITE)

    @router.get("/signature-keys")
    async def list_keys(
        request: Request,
        principal: Annotated[Principal, Depends(reader)],
        page: Annotated[CredentialPageQuery, Query()],
    ) -> SignatureKeyPage:
        """Keys in reach, by id; with `app_id` those of one app."""
        keys = asking.reach(request, principal).signature_keys
        found = await keys.list_signature_keys(app_id=page.app, after=page.after, limit=page.limit)
        more = found[-1].id if len(found) == page.limit else None
        return SignatureKeyPage(items=[view_signature_key(key) for key in found], next=more)

    @router.get("/signature-keys/{signature_key_id}")
    async def read(
        request: Request, response: Response, principal: Annotated[Principal, Depends(reader)], signature_key_id: str
    ) -> SignatureKeyView:
        """One key."""
        keys = asking.reach(request, principal).signature_keys
        record = await keys.find_signature_key(parse_signature_key_id(signature_key_id))
        if record is None:
            raise Rejected("object_unknown", "no such signature key in reach")
        return _shown(response, record)

    _add_makers(router, writer, asking)
    _add_changes(router, writer, asking)
    add_moves(
        router,
        writer,
        asking,
        (
            Move("disable", disable_signature_key, empowering=False, description="It proves nobody until enabled."),
            Move("enable", enable_signature_key, empowering=True, description="Undo disabling."),
            Move(
                "revoke",
                revoke_signature_key,
                empowering=False,
                description="It proves nobody ever again, and its secret is erased.",
            ),
        ),
        path="/signature-keys",
        noun="signature_key",
        parse_id=parse_signature_key_id,
        show=_shown,
        view=SignatureKeyView,
    )


def _add_makers(router: APIRouter, writer: Door, asking: Asking) -> None:
    @router.post("/signature-keys", status_code=201)
    async def create(
        request: Request,
        response: Response,
        principal: Annotated[Principal, Depends(writer)],
        order: SignatureKeyOrderIn,
    ) -> SignatureKeyIssued:
        """A new key of an app, with a secret for hmac-sha256 that is in this answer and nowhere else."""
        reach, wanted = asking.reach(request, principal), _ordered(order)
        reach.require_makeable(wanted.scopes, wanted.metadata)
        issued = await create_signature_key(reach, wanted, actor=asking.actor(request, principal))
        return _issued(response, issued)

    @router.post("/signature-keys/register", status_code=201)
    async def register(
        request: Request, response: Response, principal: Annotated[Principal, Depends(writer)], order: PublicKeyOrderIn
    ) -> SignatureKeyView:
        """A new key of an app that verifies with a public key; the private half stays where it is."""
        reach, wanted = asking.reach(request, principal), _ordered(order)
        reach.require_makeable(wanted.scopes, wanted.metadata)
        key = _parse_public_key(order.public_key, order.algorithm)
        record = await register_signature_key(reach, wanted, key, actor=asking.actor(request, principal))
        return _shown(response, record)


def _add_changes(router: APIRouter, writer: Door, asking: Asking) -> None:
    @router.patch("/signature-keys/{signature_key_id}")
    async def change(
        request: Request,
        response: Response,
        principal: Annotated[Principal, Depends(writer)],
        signature_key_id: str,
        changes: KeyChangesIn,
    ) -> SignatureKeyView:
        """Other grants, in force everywhere within the feed's bound."""
        wanted = changes_of(changes)
        record = await change_signature_key(
            asking.reach(request, principal, empowering=True, intended=wanted),
            parse_signature_key_id(signature_key_id),
            wanted,
            reason=changes.reason,
            actor=asking.actor(request, principal),
        )
        return _shown(response, record)

    @router.post("/signature-keys/{signature_key_id}/rotate", status_code=201)
    async def rotate(
        request: Request,
        response: Response,
        principal: Annotated[Principal, Depends(writer)],
        signature_key_id: str,
        rotation: SignatureKeyRotation,
    ) -> SignatureKeyIssued:
        """A successor with the same grants: a secret follows a secret, a public key a public key."""
        public = rotation.public_key
        issued = await rotate_signature_key(
            asking.reach(request, principal, empowering=True),
            parse_signature_key_id(signature_key_id),
            public_key=None if public is None else _parse_public_key(public, rotation.algorithm),
            overlap_s=rotation.overlap_s,
            reason=rotation.reason,
            actor=asking.actor(request, principal),
        )
        return _issued(response, issued)


def _ordered(order: SignatureKeyOrderIn | PublicKeyOrderIn) -> SignatureKeyOrder:
    return SignatureKeyOrder(
        app_id=AppId(order.app_id),
        name=order.name,
        scopes=Scopes(*order.scopes),
        networks=tuple(order.networks),
        rate=rate_of(order.rate),
        expires_in_s=lifetime_of(order.expires_in_s),
        metadata=order.metadata,
    )


def _parse_public_key(presented_key: str | dict[str, Any], algorithm: str | None) -> RegisteredKey:  # Any: JSON
    text = presented_key.encode() if isinstance(presented_key, str) else msgspec.json.encode(presented_key)
    try:
        return parse_public_key(text, algorithm=None if algorithm is None else SignatureAlgorithm(algorithm))
    except UnusableKey as error:
        # The words are ours and hold nothing of the key; whoever sent a private half has to hear of it.
        raise RequestValidationError(
            [{"type": TOLD_TYPE, "loc": ("body", "public_key"), "msg": error.reason}]
        ) from None


def _issued(response: Response, issued: IssuedSignatureKey) -> SignatureKeyIssued:
    return SignatureKeyIssued(
        key=_shown(response, issued.record),
        secret=None if issued.secret is None else issued.text(),
        jwk=None if issued.secret is None else msgspec.json.decode(issued.jwk()),
    )


def _shown(response: Response, record: SignatureKeyRecord) -> SignatureKeyView:
    response.headers["etag"] = f'"{record.version}"'
    return view_signature_key(record)
