"""What a deployment may choose about webhooks, and the limits it may not."""

import re
from typing import Final, final

import msgspec

from doorward.errors import Misconfigured
from doorward.methods.claims import LEASE_S, LEASE_S_MAX
from doorward.methods.webhook.schemes import Scheme
from doorward.values import ID_PREFIXES_TAKEN

__all__ = [
    "ASYMMETRIC_OCTETS_MAX",
    "ASYMMETRIC_SIGNATURES_MAX",
    "ASYMMETRIC_TRIES_ANY_SIZE",
    "ASYMMETRIC_TRIES_MAX",
    "BODY_BYTES_LIMIT",
    "BODY_BYTES_MAX",
    "COUNTED_AFTER_S",
    "FEED_ROW_LIFETIME_S",
    "KEEP_S_MAX",
    "OVERLAP_S",
    "OVERLAP_S_MAX",
    "RECENTLY_USED_S",
    "SECRETS_AGE_S_MAX",
    "SECRETS_AHEAD_S_MAX",
    "SECRETS_HELD_MAX",
    "SECRETS_LISTED_MAX",
    "SECRETS_MAX",
    "SECRET_BYTES_MAX",
    "SECRET_BYTES_MIN",
    "SENDER_CHARACTERS_MAX",
    "SENDER_NAME",
    "SENDER_NAME_RULE",
    "SENDER_PREFIXES_TAKEN",
    "SIGNATURES_MAX",
    "SIGNATURE_HEADER_BYTES_MAX",
    "TOLERANCE_S",
    "TOLERANCE_S_MAX",
    "UNDATED_CLAIM_LIFETIME_S",
    "WebhookConfig",
]

TOLERANCE_S: Final = 300
"""How far a timestamp may be from our clock, either way, when nothing is said."""
TOLERANCE_S_MAX: Final = 86_400
"""How far it may ever be: claims are kept for twice as long."""
UNDATED_CLAIM_LIFETIME_S: Final = 30 * 86_400
"""How long a delivery of a scheme without a timestamp is remembered; after that it could be replayed."""

SECRET_BYTES_MIN: Final = 24
"""How short a secret may be (Standard Webhooks: 24 to 64 bytes)."""
SECRET_BYTES_MAX: Final = 512
"""How long a secret may be."""
SECRETS_MAX: Final = 8
"""How many secrets of one sender may be active at a time: each costs a pass over the body."""
SECRETS_HELD_MAX: Final = 32
"""How many secrets of one sender the store may hold that are not retired: active, ended, and yet to begin."""
SECRETS_LISTED_MAX: Final = 1_000
"""How many secrets of one sender are listed; the newest where there are more."""
SECRETS_AHEAD_S_MAX: Final = 10 * 365 * 86_400
"""How far ahead the beginning and the end of a secret may lie."""
OVERLAP_S: Final = 86_400
"""How long the other secrets of a sender keep working after a rotation when nothing is said."""
OVERLAP_S_MAX: Final = 30 * 86_400
"""How long they may keep working."""
RECENTLY_USED_S: Final = 86_400
"""A secret that matched within this time is not retired unless that is said: its sender still signs with it."""
COUNTED_AFTER_S: Final = 120
"""How long a secret has been active before nothing counted is taken for nothing matched: processes count what they
have admitted at most once a minute, and one that is slow needs a little longer."""
FEED_ROW_LIFETIME_S: Final = 7_200
"""How long a feed row about a sender is kept: twice as long as any process keeps what it has loaded."""

BODY_BYTES_MAX: Final = 1_048_576
"""How large a signed body may be unless more is said: it is held in memory until the proof."""
BODY_BYTES_LIMIT: Final = 32 * 1_048_576
"""How large one may ever be: half of what a process holds of all of them."""
KEEP_S_MAX: Final = 366 * 86_400
"""How long deliveries of a scheme without a timestamp may be kept in mind."""
SECRETS_AGE_S_MAX: Final = 60.0
"""How long a process goes by the secrets it has read: after that a new one is taken, and one that is gone is not."""
SENDER_CHARACTERS_MAX: Final = 64
"""How long the name of a sender may be."""
SENDER_NAME: Final = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{SENDER_CHARACTERS_MAX - 1}}}")
"""What it is made of, at a door and in the store alike: it stands in logs, in paths of the API and on command lines."""
SENDER_NAME_RULE: Final = f"1 to {SENDER_CHARACTERS_MAX} of A-Z a-z 0-9 . _ -, a letter or digit first"
SENDER_PREFIXES_TAKEN: Final = ID_PREFIXES_TAKEN
"""How it may not begin: it is the id of a principal, and would be taken for an app or a credential of the house."""
SIGNATURE_HEADER_BYTES_MAX: Final = 4_096
"""How long the header that carries the signatures may be."""
SIGNATURES_MAX: Final = 16
"""How many signatures one delivery may carry."""
ASYMMETRIC_SIGNATURES_MAX: Final = 4
"""How many of them may be Ed25519: each costs a hundred microseconds for every public key."""
ASYMMETRIC_TRIES_MAX: Final = 16
"""How often a signature may have to be tried: the Ed25519 signatures that came, times the public keys there are."""
ASYMMETRIC_OCTETS_MAX: Final = 8 * 1_048_576
"""How many bytes all those tries may hash together: anybody can send signatures, and each try hashes the whole body."""
ASYMMETRIC_TRIES_ANY_SIZE: Final = 2
"""So many tries may be made of a body of any size: one key is being replaced by another."""


@final
class WebhookConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Which deliveries a door takes, and how long they are kept in mind.

    Args:
        scheme: how the sender signs.
        sender: what the sender is called: 1 to 64 of `A-Z a-z 0-9 . _ -`, a letter or digit first, another one for
            each endpoint. The principal's id, and whose a claim is.
        base_url: scheme, host and, if any, port and path prefix, exactly as the sender has them, where it signs the
            URL. Never taken from the request: a delivery to another endpoint would fit.
        tolerance_s: how far the time of signing may be off, either way.
        body_bytes_max: how large a body may be.
        lease_s: how long a delivery stays reserved after its process was last heard of.
        undated_kept_s: how long a delivery is kept in mind when its time is not signed: after that it could be
            replayed.
    """

    scheme: Scheme
    sender: str
    base_url: str | None = None
    tolerance_s: int = TOLERANCE_S
    body_bytes_max: int = BODY_BYTES_MAX
    lease_s: int = LEASE_S
    undated_kept_s: int = UNDATED_CLAIM_LIFETIME_S

    def __post_init__(self) -> None:
        if SENDER_NAME.fullmatch(self.sender) is None:
            raise Misconfigured(
                f"{self.sender!r} cannot be the name of a sender.",
                cure=f"Use {SENDER_NAME_RULE}.",
            )
        if self.sender.startswith(SENDER_PREFIXES_TAKEN):
            raise Misconfigured(
                f"The sender {self.sender} would be taken for an app or a credential.",
                cure=f"Choose a name that does not begin with {', '.join(SENDER_PREFIXES_TAKEN)}.",
            )
        for name, value, value_max in (
            ("tolerance_s", self.tolerance_s, TOLERANCE_S_MAX),
            ("body_bytes_max", self.body_bytes_max, BODY_BYTES_LIMIT),
            ("lease_s", self.lease_s, LEASE_S_MAX),
            ("undated_kept_s", self.undated_kept_s, KEEP_S_MAX),
        ):
            if not 0 < value <= value_max:
                raise Misconfigured(f"{name}={value} is out of range.", cure=f"Choose 1 to {value_max}.")
        if self.scheme.signs_url != (self.base_url is not None):
            raise Misconfigured(
                f"{self.scheme.sender} signs {'the' if self.scheme.signs_url else 'no'} URL.",
                cure='Say base_url="https://hooks.example", as the sender has it.'
                if self.scheme.signs_url
                else "Leave base_url out.",
            )
