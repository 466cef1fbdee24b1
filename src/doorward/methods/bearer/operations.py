"""Issue signed access tokens, from the library, the server and the command line alike: one read, one signature.

Nothing is written unless a person ordered the token by hand: see `methods/issuing.py`.
"""

from collections.abc import Mapping
from typing import Final, Protocol, Unpack

from doorward.methods.bearer.issue import build_token_claims, require_carriable
from doorward.methods.bearer.order import IssuedToken, OrderFields, TokenOrder, order_of
from doorward.methods.issuing import IssuingStore, event_of_issuance, grant_order, record_issuance
from doorward.values import Actor, Change, ChangePort, Entropy, Watermark

__all__ = ["TokenIssuer", "issue_access_token"]

_FORM: Final = "signed"


class SigningRing(Protocol):
    """Our own signing keys."""

    @property
    def issuer(self) -> str:
        """Exactly what our tokens say as `iss`."""
        ...

    async def sign_token(self, claims: Mapping[str, object]) -> str:
        """A signed token of type `at+jwt`, by the key that signs now.

        Raises:
            Unavailable: `store_unavailable`, `keys_unavailable`.
            Misconfigured: there is no master key, or it does not open the key.
        """
        ...


class TokenIssuer(IssuingStore, Protocol):
    """What is needed of a store to issue signed tokens."""

    @property
    def changes(self) -> ChangePort:
        """Commits."""
        ...

    @property
    def keyring(self) -> SigningRing:
        """Signs."""
        ...

    @property
    def entropy(self) -> Entropy:
        """Where token ids come from."""
        ...


async def issue_access_token(
    store: TokenIssuer,
    order: TokenOrder | None = None,
    *,
    watermark: Watermark | None = None,
    actor: Actor | None = None,
    **said: Unpack[OrderFields],
) -> IssuedToken:
    """A new access token of our own issuer.

    `await issue_access_token(store, subject="alice", client_id="web", audience="https://api.example")`

    Args:
        store: from `open_store`, with an issuer and a master key.
        order: what it shall say; or its fields by name.
        watermark: the one its sign-in inherited, read (`store.feed.read_watermark()`) before that was checked; None for
            a token that comes from no sign-in. A token of a session or a grant needs one.
        actor: who ordered it, where that is a person; then it is an event of the chain of changes.
        **said: the fields of a `TokenOrder`.

    Raises:
        Rejected: `input_invalid`; `object_unknown` for a sector that is not registered; `credential_revoked` when the
            session, the grant, the client, the subject or the organization was revoked (after the sign-in).
        Misconfigured: the store was told no issuer, or has no master key.
        Unavailable: `store_unavailable`, `keys_unavailable`.
    """
    ring = store.keyring
    granted = await grant_order(store, order_of(order, said), inherited=watermark)
    jti, claims = build_token_claims(
        granted.order,
        issuer=ring.issuer,
        subject=granted.subject,
        watermark=granted.watermark,
        now=granted.now,
        entropy=store.entropy,
        own_names=granted.own_names,
    )
    text = require_carriable(await ring.sign_token(claims))
    if actor is None:
        await record_issuance(store, granted, token_id=jti, form=_FORM)
    else:
        # Before the token is handed out: what is not on record was not issued.
        await store.changes.commit(Change(events=(event_of_issuance(granted, token_id=jti, form=_FORM, actor=actor),)))
    return IssuedToken(text, jti, granted.now + granted.order.lifetime_s, claims)
