"""Mint opaque tokens: a pure function from what was ordered to a `Change`.

It is one write and no event: issuances are told to the batched log like those of signed tokens, or the chain of changes
would grow with the traffic (invariant 6).
"""

import re
from typing import Final, final

import msgspec

from doorward.crypto.hashing import sha256_digest
from doorward.errors import Rejected
from doorward.methods.opaque.config import LABEL
from doorward.methods.opaque.port import OpaqueInserted, OpaqueRecord
from doorward.methods.opaque.verify import claims_of
from doorward.methods.token_order import TokenOrder, build_claims
from doorward.values import Change, CredentialId, Entropy, OrganizationId, Watermark
from doorward.wire.credential import PREFIX_PATTERN, mint_credential_text

__all__ = ["IssuedOpaqueToken", "issue_token"]

_COLUMN_CLAIMS: Final = frozenset(
    {"iss", "sub", "aud", "client_id", "scope", "iat", "exp", "jti", "sid", "org_id", "dw_grant", "dw_wm"}
)


@final
class IssuedOpaqueToken(msgspec.Struct, frozen=True):
    """A new token and its text, which exists nowhere else and is shown once."""

    record: OpaqueRecord
    text: str

    @property
    def claims(self) -> dict[str, object]:
        """What a signed token of the same order would say."""
        return claims_of(self.record)

    @property
    def jti(self) -> str:
        """The token's id."""
        return self.record.id

    @property
    def expires_at(self) -> int:
        """Epoch seconds."""
        return self.record.expires_at

    def __repr__(self) -> str:
        return f"IssuedOpaqueToken(record={self.record!r}, text=<secret>)"

    def __rich_repr__(self) -> list[tuple[str, OpaqueRecord]]:
        # msgspec gives every struct one that shows all fields; rich prefers it to `__repr__`, in tracebacks too.
        return [("record", self.record)]


def issue_token(
    order: TokenOrder, *, issuer: str, subject: str, watermark: Watermark, prefix: str, now: int, entropy: Entropy
) -> tuple[IssuedOpaqueToken, Change]:
    """A new token.

    Args:
        order: checked by `parse_order`.
        issuer: ours, exactly.
        subject: as the resource is to know it.
        watermark: read before the sign-in was checked that the token comes from.
        prefix: what secrets of this deployment start with.
        now: epoch seconds.
        entropy: where secrets come from.

    Raises:
        Rejected: `input_invalid` for a prefix that is none.
    """
    if re.fullmatch(PREFIX_PATTERN, prefix) is None:
        raise Rejected("input_invalid", "a prefix is 2 to 12 lower-case letters and digits, a letter first")
    minted = mint_credential_text(prefix=prefix, label=LABEL, entropy=entropy)
    claims = build_claims(order, issuer=issuer, subject=subject, token_id=minted.id, watermark=watermark, now=now)
    organization = order.organization_id
    record = OpaqueRecord(
        id=CredentialId(minted.id),
        secret_digest=sha256_digest(minted.text.encode("ascii")),
        issuer=issuer,
        subject=subject,
        client_id=order.client_id,
        audience=order.audience,
        scopes=order.scopes,
        claims={name: value for name, value in claims.items() if name not in _COLUMN_CLAIMS},
        grant_id=order.grant_id,
        session_id=order.session_id,
        organization_id=None if organization is None else OrganizationId(organization),
        issued_at=now,
        expires_at=now + order.lifetime_s,
        watermark=watermark,
    )
    return IssuedOpaqueToken(record, minted.text), Change(writes=(OpaqueInserted(record),))
