"""Sign a delivery, as the sender: the reverse of `verify.py`, by the same table of schemes.

Several secrets give several signatures where the scheme can carry them, so that a receiver may change from one to the
other at a time of its own.
"""

from collections.abc import Sequence

from doorward.crypto.mac import mac_of
from doorward.errors import Misconfigured
from doorward.methods.webhook.config import SIGNATURES_MAX
from doorward.methods.webhook.message import joined, signed_pieces
from doorward.methods.webhook.schemes import Layout, Scheme
from doorward.methods.webhook.secrets import WebhookSecret
from doorward.methods.webhook.wire import parse_delivery_id, write_signature

__all__ = ["sign_delivery"]


def sign_delivery(
    scheme: Scheme,
    secrets: Sequence[WebhookSecret],
    body: bytes,
    *,
    now: int,
    delivery_id: str | None = None,
    url: str | None = None,
    content_type: str | None = None,
) -> tuple[tuple[str, str], ...]:
    """The headers to send with exactly these bytes.

    Args:
        scheme: how to sign.
        secrets: what to sign with: one, or several where the scheme can carry several signatures.
        body: what is sent, byte for byte; sign what you send, not what you will serialise later.
        now: epoch seconds; the timestamp, where the scheme signs one.
        delivery_id: must be given where the scheme signs it, and stay the same for every attempt; without a dot.
        url: what is called, exactly; only for schemes that sign it.
        content_type: of the body; only for schemes that sign a form.

    Returns:
        Names and values, names as the scheme writes them. The values are signatures: whoever has them can send them.

    Raises:
        Misconfigured: a secret too many for the scheme, or one that can only verify, or no id where one is signed.
        Rejected: `webhook_malformed`: the id, or the body of a scheme that signs a form.
    """
    if not secrets or len(secrets) > (SIGNATURES_MAX - 1 if scheme.carries_several else 1):
        raise Misconfigured(
            f"{scheme.sender} takes {'several' if scheme.carries_several else 'one'} of secrets; {len(secrets)} given.",
            cure="Sign with the newest one.",
        )
    id_text = _id_bytes(scheme, delivery_id)
    timestamp_text = str(now)
    pieces = signed_pieces(
        scheme,
        id_text=id_text,
        timestamp_text=timestamp_text.encode("ascii"),
        body=body,
        url=url,
        content_type=None if content_type is None else content_type.encode("latin-1", "replace"),
    )
    signatures = [_sign_with(scheme, secret, pieces) for secret in secrets]
    headers = [(scheme.signature_header, write_signature(scheme, signatures, timestamp_text))]
    if scheme.signs_id:
        headers.insert(0, (scheme.id_header, id_text.decode("ascii")))
    if scheme.signs_time and scheme.layout is not Layout.FIELDS:
        headers.insert(-1, (scheme.timestamp_header, timestamp_text))
    return tuple(headers)


def _id_bytes(scheme: Scheme, delivery_id: str | None) -> bytes:
    if not scheme.signs_id:
        return b""
    if delivery_id is None:
        raise Misconfigured(f"{scheme.sender} signs an id, and none is given.", cure="Give each delivery an id.")
    return parse_delivery_id(scheme, delivery_id.encode("utf-8", "replace")).encode("ascii")


def _sign_with(scheme: Scheme, secret: WebhookSecret, pieces: list[bytes]) -> tuple[str, bytes]:
    if secret.key is not None:
        return scheme.label, mac_of(secret.key, pieces, scheme.digest)
    if secret.signer is None:
        raise Misconfigured(
            f"The key {secret.id} is a public key, which cannot sign.", cure="Sign with the whsk_ key it belongs to."
        )
    return scheme.asymmetric_label, secret.signer.sign(joined(pieces))
