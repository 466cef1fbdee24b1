"""`Bearer`: signed access tokens at a door, wired. Our own in process, our own in another service, and other issuers'.

| call | keys | taken back |
|---|---|---|
| `Bearer(store, audience=…)` | the store's keyring | by the store's feed |
| `Bearer(issuer=…, audience=…, revocation=RemoteRevocations(…))` | `<issuer>/.well-known/jwks.json` | by that feed |
| `Bearer(issuer=…, audience=…, profile="auth0")` | where the issuer's discovery says | not before they expire |
| `Bearer(Issuer(…), Issuer(…))` | each its own | as said for all of them |

Nothing is fetched or opened before the first request or the start of the app.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol, TypeAlias, final

import msgspec

from doorward.app.fetch_keys import KeyFetching
from doorward.crypto.jose.algorithms import Algorithm, find_algorithm
from doorward.errors import Misconfigured
from doorward.keys.port import KeySource
from doorward.methods.bearer import BearerTokens, Confirmation, IssuerPolicy
from doorward.methods.bearer.config import ALGORITHMS, FOREIGN_LEEWAY_S, ISSUED_AHEAD_S
from doorward.methods.bearer.profiles import ANY, PROFILES, RFC9068, Profile
from doorward.methods.plane import Plane, plane_of

__all__ = ["Bearer", "Issuer", "TokenStore"]

Names: TypeAlias = str | Iterable[str]


class OwnKeys(KeySource, Protocol):
    """The keys of our own issuer, and its name."""

    @property
    def issuer(self) -> str:
        """Exactly as our tokens say `iss`."""
        ...


class TokenStore(Protocol):
    """What is needed of a store to verify the tokens it issues."""

    @property
    def keyring(self) -> OwnKeys:
        """Our signing keys."""
        ...

    @property
    def plane(self) -> Plane:
        """What the methods of the store share."""
        ...


@final
class Issuer(msgspec.Struct, frozen=True, kw_only=True):
    """One issuer whose tokens are taken.

    Args:
        issuer: exactly what its tokens say as `iss`; a trailing slash counts.
        audience: the name (or names) by which it knows this resource.
        own: it is a Doorward of ours, whose feed of revocations is followed here; of one issuer at most.
        profile: how it writes its tokens: `rfc9068` (strict), `auth0`, `entra`, `keycloak`, `generic`.
        algorithms: which algorithms its keys may have; ES256, RS256, PS256 and EdDSA when nothing is said.
        keys: its keys, where they come from somewhere else than HTTP.
        jwks_url: where its keys are, when it is not where its kind of issuer has them.
        leeway_s: how far its clock may be off; 30 s, and 0 for our own.
        lifetime_s_max: the longest life a token may have; a day for our own; for others any, or 89 days (and
            `iat` must be there) where they can be taken back.
        organizations: which of our organizations it means, by its own name of each: `{"their-id": "our-id"}`. Whatever
            is not named is none of ours.
        ca_file: certificates to trust for its keys instead of the system's, PEM.
        danger_plain_http: fetch its keys without TLS, from this machine only. For development.
    """

    issuer: str
    audience: str | tuple[str, ...]
    own: bool = False
    profile: str | Profile = RFC9068.name
    algorithms: Iterable[str] | None = None
    keys: KeySource | None = None
    jwks_url: str | None = None
    leeway_s: int | None = None
    lifetime_s_max: int | None = None
    organizations: Mapping[str, str] = msgspec.field(default_factory=dict)
    ca_file: Path | None = None
    danger_plain_http: bool = False


def Bearer(  # noqa: N802  # it is used like the classes beside it; what it makes is `BearerTokens`
    *sources: TokenStore | Issuer,
    issuer: str | None = None,
    audience: Names = (),
    profile: str | Profile = RFC9068.name,
    algorithms: Iterable[str] | None = None,
    keys: KeySource | None = None,
    jwks_url: str | None = None,
    leeway_s: int | None = None,
    lifetime_s_max: int | None = None,
    organizations: Mapping[str, str] | None = None,
    revocation: Plane | None = None,
    when_stale: Confirmation | None = None,
    ca_file: Path | None = None,
    danger_plain_http: bool = False,
) -> BearerTokens:
    """Admit signed access tokens.

    Args:
        sources: a store, for the tokens it issues; or issuers, several at once.
        issuer: instead of sources, the one issuer whose tokens are taken; see `Issuer` for what belongs to it. With
            `revocation` it is one of ours.
        audience: what this resource is called, for a store and for `issuer`.
        profile: see `Issuer`.
        algorithms: see `Issuer`; for a store, which of its keys' algorithms are taken.
        keys: see `Issuer`.
        jwks_url: see `Issuer`.
        leeway_s: see `Issuer`.
        lifetime_s_max: see `Issuer`.
        organizations: see `Issuer`.
        revocation: where another service learns what is taken back: `RemoteRevocations(…)`. A store has its own.
        when_stale: whom to ask when what is known of revocations is too old; None: refuse until it is fresh. It is
            asked about tokens of its own issuer alone.
        ca_file: see `Issuer`.
        danger_plain_http: see `Issuer`.

    Raises:
        Misconfigured: nothing to verify by, or something that cannot be; tokens of ours without their own revocations.
    """
    stores = [source for source in sources if not isinstance(source, Issuer)]
    issuers = [source for source in sources if isinstance(source, Issuer)]
    if issuer is not None:
        single = Issuer(
            issuer=issuer,
            audience=_names(audience),
            own=revocation is not None,
            profile=profile,
            algorithms=algorithms,
            keys=keys,
            jwks_url=jwks_url,
            leeway_s=leeway_s,
            lifetime_s_max=lifetime_s_max,
            organizations=organizations or {},
            ca_file=ca_file,
            danger_plain_http=danger_plain_http,
        )
        issuers.append(single)
    fetching = KeyFetching()
    policies = [_policy_of_store(store, _names(audience), algorithms, lifetime_s_max) for store in stores]
    # Where the last view is saved the keys are: a restart needs both.
    saved_in: Path | None = getattr(revocation, "saved_in", None)
    policies += [_policy_of_issuer(said, fetching, saved_in if said.own else None) for said in issuers]
    plane = _plane_of(stores, revocation)
    _require_its_own(policies, plane)
    return BearerTokens(*policies, plane=plane, when_stale=when_stale, resources=fetching.resources)


def _require_its_own(policies: list[IssuerPolicy], plane: Plane | None) -> None:
    """Refuse revocations of one issuer for the tokens of another: none of them would ever be taken back."""
    expect = getattr(plane, "expect", None)
    if callable(expect):
        # What the URL promises is compared here, what the feed says of itself when it is read.
        for policy in policies:
            if policy.own:
                expect(policy.issuer, policy.audiences)
    said = getattr(plane, "issuer", None)
    if not isinstance(said, str):
        return
    whose = said.rstrip("/")
    for policy in policies:
        if policy.own != (policy.issuer.rstrip("/") == whose):
            raise Misconfigured(
                f"Tokens of {policy.issuer} would be judged by revocations of {said}"
                + (", which is another issuer." if policy.own else " as if it were another issuer."),
                cure="Say own=True of that issuer and no other; RemoteRevocations(…, issuer=…) says whose they are "
                "where its URL is another.",
            )


def _plane_of(stores: list[TokenStore], revocation: Plane | None) -> Plane | None:
    planes = [plane_of(store) for store in stores]
    if revocation is not None:
        planes.append(revocation)
    if len(planes) > 1:
        raise Misconfigured(
            "Bearer was told of two sources of revocations.",
            cure="Give one store, or one `revocation`; a second of either is a second Bearer at another door.",
        )
    return planes[0] if planes else None


def _policy_of_store(
    store: TokenStore, audiences: tuple[str, ...], algorithms: Iterable[str] | None, lifetime_s_max: int | None
) -> IssuerPolicy:
    plane_of(store)  # says what to write where something is no store
    keyring = store.keyring
    return IssuerPolicy(
        issuer=keyring.issuer,
        audiences=frozenset(audiences),
        keys=keyring,
        algorithms=_algorithms(algorithms),
        own=True,
        lifetime_s_max=lifetime_s_max,
    )


def _policy_of_issuer(said: Issuer, fetching: KeyFetching, saved_in: Path | None) -> IssuerPolicy:
    leeway_s = said.leeway_s if said.leeway_s is not None else 0 if said.own else FOREIGN_LEEWAY_S
    algorithms = _algorithms(said.algorithms)
    keys = said.keys
    if keys is None:
        keys = fetching.keys_of(
            said.issuer,
            jwks_url=said.jwks_url,
            own=said.own,
            algorithms=algorithms,
            ca_file=said.ca_file,
            danger_plain_http=said.danger_plain_http,
            saved_in=saved_in,
        )
    return IssuerPolicy(
        issuer=said.issuer,
        audiences=frozenset(_names(said.audience)),
        keys=keys,
        algorithms=algorithms,
        profile=_profile(said.profile),
        own=said.own,
        leeway_s=leeway_s,
        issued_ahead_s=max(leeway_s, ISSUED_AHEAD_S) if said.own else leeway_s,
        lifetime_s_max=said.lifetime_s_max,
        organizations=said.organizations,
    )


def _names(said: Names) -> tuple[str, ...]:
    return (said,) if isinstance(said, str) else tuple(said)


def _algorithms(said: Iterable[str] | None) -> frozenset[Algorithm]:
    if said is None:
        return ALGORITHMS
    names = _names(said)
    found = [algorithm for name in names if (algorithm := find_algorithm(name)) is not None]
    if len(found) < len(names):
        raise Misconfigured(
            f"Of the algorithms {', '.join(names)} not all are known.",
            cure=f"Choose among {', '.join(Algorithm)}; there is no `none`.",
        )
    return frozenset(found)


def _profile(said: str | Profile) -> Profile:
    if isinstance(said, Profile) and said is not ANY:
        return said
    profile = PROFILES.get(said) if isinstance(said, str) else None
    if profile is None:
        raise Misconfigured(
            f"A door cannot take tokens of the profile {said if isinstance(said, str) else said.name!r}.",
            cure=f"Choose {', '.join(PROFILES)}.",
        )
    return profile
