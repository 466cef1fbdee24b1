"""`Webhooks`: the deliveries of one sender at a door, each handled once.

`Door(Webhooks(store, scheme="stripe", secrets=os.environ["STRIPE_SECRET"]))`, or, with the secrets in the store,
`Door(Webhooks(store, scheme="stripe", sender="acme"))`.

Nothing is opened before the first request or the start of the app.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NoReturn, TypeAlias

from doorward.app.in_the_store import IN_THE_STORE, Stored
from doorward.errors import Misconfigured
from doorward.methods.claims import LEASE_S
from doorward.methods.plane import plane_of
from doorward.methods.webhook import Scheme, WebhookSecret, find_scheme, parse_secret
from doorward.methods.webhook.config import BODY_BYTES_MAX, TOLERANCE_S, UNDATED_CLAIM_LIFETIME_S, WebhookConfig
from doorward.methods.webhook.method import WebhookDeliveries, WebhookStore
from doorward.methods.webhook.senders import FixedSecrets, SecretSource
from doorward.methods.webhook.stored import SealedStore, StoredSecrets

__all__ = ["Secrets", "Webhooks"]

Secrets: TypeAlias = str | Mapping[str, str] | Iterable[WebhookSecret]
"""The text of one; texts by the id each is told by; or secrets that were read before."""


def Webhooks(  # noqa: N802  # it is used like the classes beside it; what it makes is `WebhookDeliveries`
    store: WebhookStore,
    *,
    scheme: str | Scheme,
    secrets: Secrets | Callable[[], Secrets] | SecretSource | Stored = IN_THE_STORE,
    sender: str | None = None,
    base_url: str | None = None,
    tolerance_s: int = TOLERANCE_S,
    body_bytes_max: int = BODY_BYTES_MAX,
    lease_s: int = LEASE_S,
    undated_kept_s: int = UNDATED_CLAIM_LIFETIME_S,
    danger_short_secrets: bool = False,
) -> WebhookDeliveries:
    """Admits the deliveries of one sender to one endpoint; a delivery is handled once, in all processes together.

    Args:
        store: from `open_store`: where deliveries are claimed, and where the secrets are unless the program has them.
        scheme: `standard`, `svix`, `stripe`, `github`, `slack`, `shopify`, `twilio`, `plain`, or one of your own.
        secrets: the sender's secret as text; several by id while one replaces another; or a function that answers
            them, asked at most once a minute. Which one matched is the principal's `credential_id`. Left out: those the
            store has of this sender (`doorward webhooks secrets add`), which are followed as they change. Never None,
            which is what a variable answers that is not set.
        sender: what it is called in logs, in the store, and as the principal's id: 1 to 64 of `A-Z a-z 0-9 . _ -`.
            Default: the scheme. **Another one for each endpoint of a store**: two endpoints of one name take each
            other's deliveries for handled.
        base_url: where the sender signs the URL (Twilio): scheme and host as it has them.
        tolerance_s: how far the time of signing may be off, either way.
        body_bytes_max: how large a body may be; it is held in memory while its request lasts.
        lease_s: after how long the delivery of a process that died is handled when it is sent again.
        undated_kept_s: how long deliveries are kept in mind where the sender signs no time (GitHub, Shopify, Twilio,
            `plain`): after that one could be replayed.
        danger_short_secrets: take secrets that can be guessed, short, known or obvious ones; for examples only.

    Raises:
        Misconfigured: any of it cannot be; what is wrong, never the secret.
    """
    chosen = find_scheme(scheme) if isinstance(scheme, str) else scheme
    name = chosen.name if sender is None else sender
    config = WebhookConfig(
        scheme=chosen,
        sender=name,
        base_url=base_url,
        tolerance_s=tolerance_s,
        body_bytes_max=body_bytes_max,
        lease_s=lease_s,
        undated_kept_s=undated_kept_s,
    )

    if isinstance(secrets, Stored):
        return WebhookDeliveries(store, config, _stored(store, chosen, name), counts_use=True)

    def read(given: Secrets) -> tuple[WebhookSecret, ...]:
        return _read(chosen, name, given, danger_short=danger_short_secrets)

    return WebhookDeliveries(store, config, _source(secrets, read))


def _stored(store: WebhookStore, scheme: Scheme, sender: str) -> StoredSecrets:
    plane_of(store)
    if not isinstance(store, SealedStore):
        raise Misconfigured(
            f"A {type(store).__name__} keeps no secrets of senders.",
            cure=f"Give those of {sender} as `secrets`, or a store from `open_store`.",
        )
    return StoredSecrets(store, scheme)


def _source(
    secrets: Secrets | Callable[[], Secrets] | SecretSource, read: Callable[[Secrets], tuple[WebhookSecret, ...]]
) -> SecretSource:
    if isinstance(secrets, SecretSource):
        return secrets
    if callable(secrets):
        answer = secrets
        return FixedSecrets(lambda: read(answer()))
    found = read(secrets)
    if not found:
        raise Misconfigured("A sender of webhooks has no secret.", cure="Give the one the sender shows you.")
    return FixedSecrets(found)


def _read(scheme: Scheme, sender: str, given: object, *, danger_short: bool) -> tuple[WebhookSecret, ...]:
    # `given` is what a program says, or a function of it answers: whatever its annotations promise.
    texts = {sender: given} if isinstance(given, str) else given
    if isinstance(texts, Mapping):
        return tuple(
            parse_secret(scheme, _require_text(text, secret_id), secret_id=secret_id, danger_short=danger_short)
            for secret_id, text in texts.items()
        )
    if isinstance(given, bytes | bytearray) or not isinstance(given, Iterable):
        _refuse(given, f"of {sender}")
    parsed = tuple(given)
    for each in parsed:
        if not isinstance(each, WebhookSecret):
            _refuse(each, f"of {sender} in a row")
    return parsed


def _require_text(text: object, secret_id: object) -> str:
    if not isinstance(text, str):
        _refuse(text, f"called {secret_id!r}")
    return text


def _refuse(given: object, whose: str) -> NoReturn:
    """Say what was given instead of a secret, by its kind alone."""
    if given is None:
        raise Misconfigured(
            f"The webhook secret {whose} is None: is the variable set that it comes from?",
            cure="Set it. For the secrets in the store leave `secrets` out.",
        )
    raise Misconfigured(
        f"The webhook secret {whose} is of the type {type(given).__name__}.",
        cure='Give one as text, or several as texts by id: {"2026-01": "…", "2026-07": "…"}.',
    )
