"""What an operator can set: one TOML file, `DOORWARD_…` over it, the command line over both.

Every default is the safe one, so that a setting nobody made never weakens anything; a name nobody knows stops the
start instead of being passed over, because a misspelt setting is one that is not in force. Secrets are accepted from
the environment or from files of their own, never from the TOML file, which ends up in a repository sooner or later.
"""

import os
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, final

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from doorward.crypto.jose.algorithms import Algorithm
from doorward.errors import Misconfigured
from doorward.keys.config import RingPolicy
from doorward.values import Environment

__all__ = ["CONFIG_FILE", "ENV_PREFIX", "Settings", "load_settings"]

CONFIG_FILE: Final = Path("doorward.toml")
"""Read from the working directory when no other file is named."""
ENV_PREFIX: Final = "DOORWARD_"
CONFIG_BYTES_MAX: Final = 1024 * 1024
_DEV_DIRECTORY: Final = Path(".doorward")
# A secret in the configuration file is a secret in a repository.
_ENVIRONMENT_ONLY: Final = frozenset({"master_key"})

_FORMS: Final = {
    "issuer": "it must be a URL such as https://id.example, without query, fragment and spaces",
    "public_url": "it must be scheme and host alone, such as https://id.example",
    "key_prefix": "it must be 2 to 12 lower-case letters and digits, a letter first",
}
"""What a pattern asks for, in words."""

_List = Annotated[tuple[str, ...], NoDecode]


@final
class Settings(BaseSettings):
    """All settings, checked for form; whether they are *safe* together is for `app/check/`.

    Times are seconds, sizes are bytes. Lists are TOML arrays, or comma-separated text in the environment.
    """

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, extra="forbid", frozen=True, hide_input_in_errors=True)

    database_url: SecretStr = SecretStr("sqlite:///doorward.db")
    """`sqlite:///relative.db`, `sqlite:////absolute.db` or `postgresql://…`; secret because it may hold a password."""
    danger_database_in_the_clear: bool = False
    """Speak to a PostgreSQL server on another machine without verifying its certificate."""
    master_key_file: Path | None = None
    """The file that holds the master key; only the server's user may read it."""
    master_key: SecretStr | None = None
    """The text of a master key file, from the environment only (`DOORWARD_MASTER_KEY`)."""

    listen_host: str = "127.0.0.1"
    """The address to listen on."""
    listen_port: int = Field(default=8700, ge=0, le=65535)
    """0 takes a free port (tests)."""
    tls_certificate_file: Path | None = None
    """The certificate and its chain, PEM."""
    tls_key_file: Path | None = None
    """Its private key, PEM; only the server's user may read it."""
    trusted_proxies: _List = ()
    """Networks whose forwarding headers count. Empty: none do, loopback included."""
    proxy_header: Literal["x-forwarded", "forwarded"] = "x-forwarded"
    """What the listed proxies send: `x-forwarded` (`X-Forwarded-For`, `-Proto`) or `forwarded` (RFC 7239)."""
    public_url: str | None = Field(default=None, max_length=512, pattern=r"^https?://[^/?#@\s]+$")
    """How callers reach this server, scheme and host only; its host is allowed."""
    allowed_hosts: _List = ()
    """Further names the server answers for, beside that of `public_url`."""

    issuer: str | None = Field(default=None, max_length=512, pattern=r"^https?://[^?#@\s\"\\]+$")
    """What tokens name as their issuer (`iss`). Default: `public_url`, or with `dev` the URL that is served."""
    signing_algorithm: Literal["ES256", "RS256", "PS256", "EdDSA", "HS256"] = "ES256"
    """What signing keys made from now on sign with. `HS256` only for a closed pair that shares the secret."""
    signing_key_rotation_days: int = Field(default=30, ge=1, le=366)
    """How long a key signs before the next one does."""
    jwks_max_age_s: int = Field(default=300, ge=60, le=86_400)
    """How long verifiers may cache the public keys; a new key is published that much longer before it signs."""
    access_token_lifetime_s: int = Field(default=600, ge=1, le=86_400)
    """How long an access token lives when nothing else is said."""

    key_prefix: str = Field(default="dw", pattern=r"^[a-z][a-z0-9]{1,11}$")
    """What keys and passwords begin with: 2 to 12 lower-case letters and digits, a letter first."""
    environment: Environment = Environment.LIVE
    """`live` or `test`: which keys open the management API."""

    audit_log_dir: Path | None = None
    """The folder the log of verifications is written to; without one there is no such log."""
    metrics_host: str = "127.0.0.1"
    """The address `/metrics` is served on."""
    metrics_port: int | None = Field(default=8701, ge=0, le=65535)
    """The port `/metrics` is served on; `DOORWARD_METRICS_PORT=none` serves none."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """`debug`, `info`, `warning` or `error`."""

    max_staleness_s: float = Field(default=60.0, ge=2.0, le=3600.0)
    """How old the view of revocations may become before everything is refused."""
    pull_interval_s: float = Field(default=1.0, ge=0.05, le=60.0)
    """How often the feed of revocations is read when nothing is pushed."""
    push: bool = True
    """Whether the feed is also followed by push; without it a revocation takes up to `pull_interval_s`."""

    head_bytes_max: int = Field(default=65_536, ge=4_096, le=1_048_576)
    """The longest request line and headers, together."""
    body_bytes_max: int = Field(default=65_536, ge=1_024, le=16_777_216)
    """The largest request body."""
    head_timeout_s: float = Field(default=10.0, ge=1.0, le=120.0)
    """By when the headers must have come."""
    body_timeout_s: float = Field(default=20.0, ge=1.0, le=600.0)
    """By when the body must have come."""
    keep_alive_s: int = Field(default=5, ge=1, le=600)
    """How long an idle connection is kept."""
    shutdown_grace_s: int = Field(default=10, ge=1, le=600)
    """How long requests under way may take to finish after SIGTERM."""
    connections_max: int = Field(default=1_000, ge=10, le=100_000)
    """How many connections and requests are served at once; further ones are answered 503."""

    dev: bool = False
    """On this machine only: plain HTTP on loopback, everything created when missing."""

    @field_validator("trusted_proxies", "allowed_hosts", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  # pydantic-settings gives all five by name
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # as above
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # as above
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # as above
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `load_settings` hands over: what is in force has one place where it is put together."""
        return (init_settings,)

    def with_dev_places(self) -> Self:
        """The same settings with a database, a master key and a log under `.doorward/` where none were named."""
        changes: dict[str, object] = {"dev": True}
        if "database_url" not in self.model_fields_set:
            changes["database_url"] = SecretStr(f"sqlite:///{_DEV_DIRECTORY / 'doorward.db'}")
        if self.master_key_file is None and self.master_key is None:
            changes["master_key_file"] = _DEV_DIRECTORY / "master.key"
        if self.audit_log_dir is None:
            changes["audit_log_dir"] = _DEV_DIRECTORY / "audit"
        return self.model_copy(update=changes)

    @property
    def database_path(self) -> Path | None:
        """The file of a SQLite database; None for a server."""
        scheme, _, path = self.database_url.get_secret_value().partition(":///")
        return Path(path) if scheme == "sqlite" else None

    @property
    def token_issuer(self) -> str | None:
        """The issuer in force; None when no setting says who this deployment is."""
        dev = f"http://127.0.0.1:{self.listen_port}" if self.dev and self.listen_port else None
        return self.issuer or self.public_url or dev

    @property
    def ring_policy(self) -> RingPolicy | None:
        """How signing keys are kept; None without an issuer."""
        issuer = self.token_issuer
        return None if issuer is None else self.ring_policy_of(issuer)

    def ring_policy_of(self, issuer: str) -> RingPolicy:
        """How the signing keys of an issuer are kept."""
        return RingPolicy(
            issuer=issuer,
            algorithm=Algorithm(self.signing_algorithm),
            rotation_s=self.signing_key_rotation_days * 86_400,
            jwks_max_age_s=self.jwks_max_age_s,
        )

    @property
    def serves_tls(self) -> bool:
        """Whether this process ends TLS itself."""
        return self.tls_certificate_file is not None and self.tls_key_file is not None

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts this server answers for."""
        if self.dev:
            return ("localhost", "127.0.0.1", "[::1]")
        public = (self.public_url.partition("://")[2],) if self.public_url else ()
        return (*self.allowed_hosts, *public)


def load_settings(config: Path | None = None, **overrides: object) -> Settings:
    """The settings in force.

    Args:
        config: a TOML file, ≤ 1 MiB; without one, `doorward.toml` of the working directory if it is there.
        overrides: what the command line said; None means it said nothing.

    Raises:
        Misconfigured: an unknown name, a value of the wrong form, or a file that cannot be read.
    """
    said = {name: value for name, value in overrides.items() if value is not None}
    values: dict[str, Any] = {**_read_toml(config), **_read_environment(), **said}  # Any: checked by the model
    try:
        settings = Settings(**values)
    except ValidationError as error:
        raise Misconfigured(_describe(error), cure="See docs/settings.md for every setting.") from None
    return settings.with_dev_places() if settings.dev else settings


def _read_environment() -> Mapping[str, object]:
    known = Settings.model_fields.keys()
    for name in os.environ:
        if name.startswith(ENV_PREFIX) and name.removeprefix(ENV_PREFIX).lower() not in known:
            _refuse_misspelt(name, tuple(known))
    return EnvSettingsSource(Settings, env_prefix=ENV_PREFIX, env_parse_none_str="none")()


def _refuse_misspelt(name: str, known: tuple[str, ...]) -> None:
    # Other programs may have variables of this prefix; only one that looks like a slip is refused.
    said = name.removeprefix(ENV_PREFIX).lower()
    # A name cut short (`DOORWARD_DATABASE`) is further from the whole one than a slip, and as little in force.
    close = [whole for whole in known if said and whole.startswith(said)] or get_close_matches(
        said, known, n=1, cutoff=0.85
    )
    if close:
        cure = f"Did you mean {ENV_PREFIX}{close[0].upper()}?"
        raise Misconfigured(f"The environment variable {name} is not a setting.", cure=cure)


def _read_toml(config: Path | None) -> Mapping[str, object]:
    path = config or CONFIG_FILE
    if config is None and not path.is_file():
        return {}
    try:
        with path.open("rb") as file:
            content = file.read(CONFIG_BYTES_MAX + 1)
        if len(content) > CONFIG_BYTES_MAX:
            raise Misconfigured(f"{path} is larger than 1 MiB.", cure="Name a configuration file with --config.")
        values = tomllib.loads(content.decode())
    except (OSError, ValueError, RecursionError) as error:
        # A decoding error quotes the file, which may hold what should not be in a log.
        why = error.strerror if isinstance(error, OSError) else "it is not TOML in UTF-8"
        raise Misconfigured(f"{path} cannot be read: {why}.", cure="Correct the file, or name another.") from None
    for name in _ENVIRONMENT_ONLY & values.keys():
        raise Misconfigured(
            f"{path} holds a secret ({name}).",
            cure=f"Take it out, replace the secret, and set {ENV_PREFIX}{name.upper()} or {name}_file.",
        )
    return values


def _describe(error: ValidationError) -> str:
    found = []
    for entry in error.errors(include_url=False, include_context=False, include_input=False):
        name = ".".join(str(part) for part in entry["loc"]) or "settings"
        unknown = entry["type"] == "extra_forbidden"
        pattern = entry["type"] == "string_pattern_mismatch"
        why = _FORMS.get(name, entry["msg"]) if pattern else entry["msg"]
        found.append(f"{name}: no such setting" if unknown else f"{name}: {why}")
    return f"Settings are not valid: {'; '.join(found)}."
