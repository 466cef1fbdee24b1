"""The schemes as data: which headers, which bytes are signed, how the signature is written, what keeps it fresh.

A new scheme is a new value of `Scheme`; nothing else changes. Sources: the Standard Webhooks specification (webhook-id,
-timestamp, -signature), Svix, and the senders' own pages on verifying signatures.

What a scheme cannot do is said here, because no verifier can add it:

* GitHub, Shopify and `plain` sign no time and no id: a delivery is told from its replay by its MAC alone.
* Stripe signs no header with an id, but the body that begins with one: `event_id_prefix`.
* Twilio signs names and values without anything between them, so `ab=c` and `a=bc` sign alike, and no time. Nor is
  there anything between the URL and the form: who sees the signature of a form whose last value he could choose can
  move the form to the end of the URL, as a digest of a body of his own. Give Twilio a URL without a query: then what
  he moves stands in the path, and leads elsewhere.
"""

import re
from enum import StrEnum
from typing import Final, final

import msgspec
from msgspec.structs import force_setattr

from doorward.crypto.mac import MacDigest
from doorward.errors import Misconfigured
from doorward.methods.webhook.forms import Encoding, Layout, event_id_form, usual_form
from doorward.methods.webhook.framing import Part, id_form, require_borders

__all__ = ["SCHEMES", "Encoding", "Layout", "Part", "Scheme", "SecretForm", "find_scheme", "plain_scheme"]


@final
class SecretForm(StrEnum):
    """How the key is read out of the secret's text."""

    TEXT = "text"
    """The text itself, in UTF-8."""
    STANDARD = "standard"
    """`whsec_` and base64 (the prefix may be missing); `whpk_` and `whsk_` for Ed25519."""
    BASE64 = "base64"
    HEX = "hex"


@final
class Scheme(msgspec.Struct, frozen=True, kw_only=True):
    """How one kind of sender signs. Header names as they are written; they are compared without regard to case."""

    name: str
    sender: str
    """As people call it."""
    signature_header: str
    layout: Layout
    encoding: Encoding
    signed: tuple[Part | bytes, ...]
    digest: MacDigest = "sha256"
    prefix: str = ""
    """What stands before a signature that stands alone."""
    label: str = ""
    """The label of an HMAC signature. Others are passed over, and counted."""
    asymmetric_label: str = ""
    """The label of an Ed25519 signature; empty for a scheme that has none."""
    timestamp_header: str = ""
    id_header: str = ""
    """Of the signed id, or, in a scheme that signs none, of the one the sender tells beside the signature."""
    event_id_prefix: str = ""
    """How the id begins that stands first in a body of JSON, where that is signed whole: `evt_`. Every attempt to
    deliver an event is then one delivery; empty for a sender whose bodies begin otherwise."""
    secret_form: SecretForm = SecretForm.TEXT
    secret_assigned: bool = False
    """Whether the sender makes the secret, so that none is made here."""
    secret_prefix: str = ""
    """How secrets that are text begin in public: nothing of it has to be guessed."""
    secret_prefix_required: bool = False

    signs_id: bool = False
    """Whether the id is among the signed bytes; worked out, as all that follows is."""
    signs_time: bool = False
    signs_url: bool = False
    signs_form: bool = False
    carries_several: bool = False
    """Whether one header may hold several signatures."""
    signature_name: bytes = b""
    """The name of the header in lower case, as the next two are; empty where there is none."""
    timestamp_name: bytes = b""
    id_name: bytes = b""
    header_names: frozenset[bytes] = frozenset()
    """The headers that count; each may come once."""
    id_form: re.Pattern[bytes] | None = None
    """See `framing.id_form`; None where no id is signed."""
    usual: re.Pattern[bytes] | None = None
    """See `forms.usual_form`."""
    event_id: re.Pattern[bytes] | None = None
    """See `forms.event_id_form`."""

    def __post_init__(self) -> None:
        # Asked several times for every delivery, and looking through a tuple of mixed kinds is slow.
        barred = require_borders(self.name, self.signed)
        force_setattr(self, "signs_id", Part.ID in self.signed)
        force_setattr(self, "id_form", id_form(barred) if self.signs_id else None)
        force_setattr(self, "signs_time", Part.TIMESTAMP in self.signed)
        force_setattr(self, "signs_url", Part.URL in self.signed)
        names = [
            name.lower().encode("ascii") for name in (self.signature_header, self.timestamp_header, self.id_header)
        ]
        for field, name in zip(("signature_name", "timestamp_name", "id_name"), names, strict=True):
            force_setattr(self, field, name)
        force_setattr(self, "header_names", frozenset(filter(None, names)))
        force_setattr(self, "signs_form", Part.FORM in self.signed)
        force_setattr(self, "carries_several", self.layout is not Layout.ALONE)
        if self.label != self.asymmetric_label or not self.label:
            usual = usual_form(self.layout, self.encoding, self.digest, prefix=self.prefix, label=self.label)
            force_setattr(self, "usual", usual)
        if self.event_id_prefix:
            if Part.BODY not in self.signed:
                raise Misconfigured(
                    f"The scheme {self.name} takes an id from a body it does not sign.",
                    cure="Leave event_id_prefix out: whoever changes such an id would have a new delivery.",
                )
            force_setattr(self, "event_id", event_id_form(self.event_id_prefix))


def _standard(name: str, sender: str, head: str) -> Scheme:
    return Scheme(
        name=name,
        sender=sender,
        signature_header=f"{head}-signature",
        timestamp_header=f"{head}-timestamp",
        id_header=f"{head}-id",
        layout=Layout.LABELLED,
        encoding=Encoding.BASE64,
        label="v1",
        asymmetric_label="v1a",
        signed=(Part.ID, b".", Part.TIMESTAMP, b".", Part.BODY),
        secret_form=SecretForm.STANDARD,
    )


def plain_scheme(
    header: str = "X-Signature",
    *,
    encoding: Encoding = Encoding.HEX,
    prefix: str = "",
    digest: MacDigest = "sha256",
    secret_form: SecretForm = SecretForm.TEXT,
) -> Scheme:
    """An HMAC of the body, in hex or base64, in the header of that name.

    Args:
        header: a header name, letters, digits and dashes.
        encoding: how the signature is written.
        prefix: what stands before it, like `sha256=`.
        digest: the hash; `sha1` only for a sender that has no other.
        secret_form: how the key is read out of the secret's text.

    Raises:
        Misconfigured: the name is none, or the prefix could not be told from the signature.
    """
    if not header.isascii() or not header.replace("-", "").isalnum() or len(header) > 64:
        raise Misconfigured(f"{header!r} is no header name.", cure="Write letters, digits and dashes.")
    if not prefix.isascii() or any(not " " < character < "\x7f" for character in prefix) or len(prefix) > 32:
        raise Misconfigured(f"{prefix!r} cannot stand before a signature.", cure="Write it as the sender does.")
    return Scheme(
        name="plain",
        sender="the sender",
        signature_header=header,
        layout=Layout.ALONE,
        encoding=encoding,
        prefix=prefix,
        digest=digest,
        signed=(Part.BODY,),
        secret_form=secret_form,
    )


SCHEMES: Final[dict[str, Scheme]] = {
    scheme.name: scheme
    for scheme in (
        _standard("standard", "Standard Webhooks", "webhook"),
        _standard("svix", "Svix", "svix"),
        Scheme(
            name="stripe",
            sender="Stripe",
            signature_header="Stripe-Signature",
            layout=Layout.FIELDS,
            encoding=Encoding.HEX,
            label="v1",
            signed=(Part.TIMESTAMP, b".", Part.BODY),
            event_id_prefix="evt_",
            secret_assigned=True,
            secret_prefix="whsec_",  # noqa: S106  # the public beginning of every such secret
            secret_prefix_required=True,
        ),
        Scheme(
            name="github",
            sender="GitHub",
            signature_header="X-Hub-Signature-256",
            id_header="X-GitHub-Delivery",
            layout=Layout.ALONE,
            encoding=Encoding.HEX,
            prefix="sha256=",
            signed=(Part.BODY,),
        ),
        Scheme(
            name="slack",
            sender="Slack",
            signature_header="X-Slack-Signature",
            timestamp_header="X-Slack-Request-Timestamp",
            layout=Layout.ALONE,
            encoding=Encoding.HEX,
            prefix="v0=",
            signed=(b"v0:", Part.TIMESTAMP, b":", Part.BODY),
            secret_assigned=True,
        ),
        Scheme(
            name="shopify",
            sender="Shopify",
            signature_header="X-Shopify-Hmac-SHA256",
            id_header="X-Shopify-Webhook-Id",
            layout=Layout.ALONE,
            encoding=Encoding.BASE64,
            signed=(Part.BODY,),
            secret_assigned=True,
            secret_prefix="shpss_",  # noqa: S106  # as above
        ),
        Scheme(
            name="twilio",
            sender="Twilio",
            signature_header="X-Twilio-Signature",
            id_header="I-Twilio-Idempotency-Token",
            layout=Layout.ALONE,
            encoding=Encoding.BASE64,
            digest="sha1",
            signed=(Part.URL, Part.FORM),
            secret_assigned=True,
        ),
        plain_scheme(),
    )
}
"""The schemes by name."""


def find_scheme(name: str) -> Scheme:
    """The scheme of that name.

    Raises:
        Misconfigured: there is none.
    """
    try:
        return SCHEMES[name]
    except KeyError:
        raise Misconfigured(
            f"There is no webhook scheme {name!r}.", cure=f"Use one of: {', '.join(SCHEMES)}."
        ) from None
