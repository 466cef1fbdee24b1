"""What a deployment may choose about signatures, and the limits it may not.

A profile is what a verifier demands of a signature. The demands are the deployment's; nothing in a message widens or
narrows them. RFC 9421 section 1.4 asks for such a thing, and section 7.2.1 says what happens without one: a signature
that covers nothing is valid for every request.
"""

from typing import Final, Literal, TypeAlias, final

import msgspec
from msgspec.structs import force_setattr

from doorward.errors import Misconfigured

__all__ = [
    "AGE_S",
    "AGE_S_MAX",
    "CHECKED_BODY_BYTES_LIMIT",
    "CHECKED_BODY_BYTES_MAX",
    "COMPONENTS_MAX",
    "DIGESTS_MAX",
    "PARAMETER_CHARACTERS_MAX",
    "QUERY_PARAMETERS_MAX",
    "SIGNATURES_MAX",
    "SIGNATURE_FIELD_BYTES_MAX",
    "SKEW_S",
    "STRUCTURED_BYTES_MAX",
    "CoverageProfile",
    "FieldKind",
]

AGE_S: Final = 300
"""How old a signature may be when nothing is said."""
AGE_S_MAX: Final = 86_400
"""How old a deployment may let signatures be: for so long a nonce must be remembered."""
SKEW_S: Final = 30
"""How far ahead of ours the signer's clock may be when nothing is said. It never lengthens `expires`."""

SIGNATURES_MAX: Final = 8
"""How many signatures one request may carry. Beyond, none of them is looked at."""
COMPONENTS_MAX: Final = 32
"""How many components a signature may cover."""
SIGNATURE_FIELD_BYTES_MAX: Final = 8 * 1024
"""How long `Signature-Input` and `Signature` may each be, all their lines together."""
PARAMETER_CHARACTERS_MAX: Final = 256
"""How long `keyid`, `nonce`, `tag` and `alg` may be: a nonce is remembered until its signature is too old."""
STRUCTURED_BYTES_MAX: Final = 8 * 1024
"""How long the fields may be, all together, that are taken apart to cover a part of them or to write them anew (`;key`,
`;sf`): that is done for anybody, before a key is looked up."""
QUERY_PARAMETERS_MAX: Final = 256
"""How many parameters a query may have when single ones are covered."""
DIGESTS_MAX: Final = 8
"""How many digests `Content-Digest` may hold, unknown ones too."""

CHECKED_BODY_BYTES_MAX: Final = 1_048_576
"""How large the body of a signed request may be at a door unless more is said."""
CHECKED_BODY_BYTES_LIMIT: Final = 2 * 1_073_741_824
"""How large one may ever be: half of what a process keeps of all of them on disk."""

FieldKind: TypeAlias = Literal["item", "list", "dictionary"]


@final
class CoverageProfile(msgspec.Struct, frozen=True, kw_only=True):
    """What a signature must cover and say to be of any use.

    Args:
        name: for people.
        components: identifiers that must be covered, as a signature writes them: `"@method"`, `"x-id";bs`.
        body_components: identifiers that must be covered too when the request has a body.
        body_fields: names of fields, in lower case, that must be covered too when the request has a body and such a
            field: they say how the body is read, and the digest in a signature does not change with them.
        parameters: which of `created`, `expires`, `nonce` and `tag` must be there; `keyid` always must.
        label: only the signature of this label counts; None: any.
        tag: only signatures of this tag count; None: any, or none.
        age_s_max: how old `created` may be.
        skew_s: how far in the future `created` may be.
        danger_unproven_body: let a body pass that no covered digest proves.
        structured_fields: field names and kinds for `;sf`, beside the registered ones.

    Raises:
        Misconfigured: an age of more than a day, or a negative one.
    """

    name: str
    components: frozenset[str]
    body_components: frozenset[str] = frozenset()
    body_fields: tuple[str, ...] = ()
    parameters: frozenset[str] = frozenset({"created", "nonce"})
    label: str | None = None
    tag: str | None = None
    age_s_max: int = AGE_S
    skew_s: int = SKEW_S
    danger_unproven_body: bool = False
    structured_fields: tuple[tuple[str, FieldKind], ...] = ()

    components_with_body: frozenset[str] = frozenset()
    """`components` and `body_components`; worked out, as the next is: asked for every request."""
    identified_body_fields: tuple[tuple[bytes, str], ...] = ()
    """Each of `body_fields` as a header is called, and as a signature writes it."""

    def __post_init__(self) -> None:
        force_setattr(self, "components_with_body", self.components | self.body_components)
        identified = tuple((name.encode("ascii"), f'"{name}"') for name in self.body_fields)
        force_setattr(self, "identified_body_fields", identified)
        if not 0 < self.age_s_max <= AGE_S_MAX or not 0 <= self.skew_s <= AGE_S_MAX:
            raise Misconfigured(
                f"A signature may not be {self.age_s_max} seconds old, or {self.skew_s} ahead.",
                cure=f"Choose at most {AGE_S_MAX} seconds, and no negative ones.",
            )
