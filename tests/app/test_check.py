"""Every unsafe configuration is named with its cure, all at once, and a safe one starts."""

from collections.abc import Callable
from pathlib import Path

import pytest

from doorward.app.check import find_unsafe, require_safe
from doorward.app.maintenance import SchemaState, upgrade
from doorward.app.settings import Settings, load_settings
from doorward.errors import Misconfigured

SafeSettings = Callable[..., Settings]


@pytest.fixture
def safe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SafeSettings:
    """Settings with nothing unsafe, changed as a test says."""
    monkeypatch.chdir(tmp_path)
    for name in ("FORWARDED_ALLOW_IPS", "WEB_CONCURRENCY"):
        monkeypatch.delenv(name, raising=False)
    for folder in ("data", "secrets", "audit"):
        (tmp_path / folder).mkdir(mode=0o700)
    upgrade(f"sqlite:///{tmp_path}/data/doorward.db")
    for name, mode in (("secrets/master.key", 0o600), ("secrets/tls.key", 0o600), ("secrets/tls.pem", 0o644)):
        (tmp_path / name).touch(mode)
    values: dict[str, object] = {
        "database_url": f"sqlite:///{tmp_path}/data/doorward.db",
        "master_key_file": tmp_path / "secrets/master.key",
        "tls_certificate_file": tmp_path / "secrets/tls.pem",
        "tls_key_file": tmp_path / "secrets/tls.key",
        "audit_log_dir": tmp_path / "audit",
        "public_url": "https://keys.example",
    }
    return lambda **changes: load_settings(**{**values, **changes})


def told(settings: Settings) -> str:
    return "\n".join(map(str, find_unsafe(settings)))


def test_a_safe_configuration_has_no_findings(safe: SafeSettings) -> None:
    assert find_unsafe(safe()) == ()
    require_safe(safe())


def test_a_listed_proxy_may_end_tls(safe: SafeSettings) -> None:
    bare = safe(trusted_proxies="10.0.0.7")
    without_tls = bare.model_copy(update={"tls_certificate_file": None, "tls_key_file": None})
    assert find_unsafe(without_tls) == ()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"tls_key_file": None, "tls_certificate_file": None}, "neither TLS nor a listed proxy"),
        ({"tls_key_file": None}, "Only one of tls_certificate_file and tls_key_file"),
        ({"tls_certificate_file": Path("absent.pem")}, "tls_certificate_file cannot be read"),
        ({"trusted_proxies": ("0.0.0.0/0",)}, "trusted_proxies lists 0.0.0.0/0"),
        ({"trusted_proxies": ("::/0",)}, "trusted_proxies lists ::/0"),
        ({"trusted_proxies": ("0.0.0.0/1", "128.0.0.0/1")}, "trusted_proxies lists 0.0.0.0/1"),
        ({"trusted_proxies": ("10.0.0.1", "::ffff:0.0.0.0/96")}, "trusted_proxies lists ::ffff:0.0.0.0/96"),
        ({"trusted_proxies": ("unix",), "tls_key_file": None, "tls_certificate_file": None}, "lists only unix"),
        ({"trusted_proxies": ("proxy.example",)}, "proxy.example"),
        ({"public_url": None}, "Neither public_url nor allowed_hosts"),
        ({"allowed_hosts": ("*.example",)}, "wildcard"),
        ({"issuer": "http://id.example"}, "The issuer is http://id.example"),
        ({"public_url": "http://keys.example"}, "The issuer is http://keys.example"),
        ({"master_key_file": None}, "There is no master key"),
        ({"master_key_file": Path("absent.key")}, "master_key_file cannot be read"),
        ({"audit_log_dir": Path("absent")}, "audit_log_dir is no folder"),
    ],
)
def test_each_unsafe_thing_is_named(safe: SafeSettings, changes: dict[str, object], words: str) -> None:
    assert words in told(safe().model_copy(update=changes))


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://db", "redis://cache"])
def test_a_database_that_cannot_hold_is_refused(safe: SafeSettings, url: str) -> None:
    assert "database_url" in told(safe(database_url=url))


def test_two_sources_of_the_master_key_are_one_too_many(safe: SafeSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOORWARD_MASTER_KEY", "k1:verysecret")
    assert "two master keys" in told(safe())
    assert "verysecret" not in told(safe())


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
@pytest.mark.parametrize("name", ["secrets/master.key", "secrets/tls.key"])
def test_a_key_others_can_read_is_refused(safe: SafeSettings, tmp_path: Path, name: str, mode: int) -> None:
    settings = safe()
    (tmp_path / name).chmod(mode)
    assert f"mode {mode:04o}" in told(settings)


def test_a_key_beside_the_database_is_refused(safe: SafeSettings, tmp_path: Path) -> None:
    (tmp_path / "data/master.key").touch(0o600)
    assert "beside the database" in told(safe(master_key_file=tmp_path / "data/master.key"))


def test_a_database_that_was_never_set_up_is_refused(safe: SafeSettings, tmp_path: Path) -> None:
    assert "schema is missing" in told(safe(database_url=f"sqlite:///{tmp_path}/data/other.db"))
    (tmp_path / "data/other.db").write_bytes(b"not a database at all" * 100)
    (tmp_path / "data/other.db").chmod(0o600)
    assert "other.db" in told(safe(database_url=f"sqlite:///{tmp_path}/data/other.db"))


def test_a_database_that_is_away_is_told(safe: SafeSettings) -> None:
    assert "cannot be reached" in told(safe(database_url="postgresql://nobody@127.0.0.1:1/none"))


def test_a_database_everybody_can_read_is_refused(safe: SafeSettings, tmp_path: Path) -> None:
    (tmp_path / "data/doorward.db").chmod(0o644)
    assert "Every user of this machine" in told(safe())


@pytest.mark.parametrize(("name", "value"), [("FORWARDED_ALLOW_IPS", "*"), ("WEB_CONCURRENCY", "4")])
def test_what_the_server_would_not_honour_is_refused(
    safe: SafeSettings, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    assert name in told(safe())


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "server.example"])  # noqa: S104  # addresses to refuse
def test_dev_is_for_this_machine_only(safe: SafeSettings, host: str) -> None:
    assert f"--dev listens on {host}" in told(load_settings(dev=True, listen_host=host))


def test_dev_behind_a_proxy_is_refused(safe: SafeSettings) -> None:
    assert "--dev has trusted_proxies" in told(load_settings(dev=True, trusted_proxies="127.0.0.1"))


def test_dev_needs_no_configuration(safe: SafeSettings) -> None:
    assert find_unsafe(load_settings(dev=True)) == ()


def test_everything_is_told_at_once_with_cures(safe: SafeSettings) -> None:
    settings = safe(public_url=None, master_key_file=None, audit_log_dir="absent")
    bare = settings.model_copy(update={"public_url": None, "master_key_file": None})
    with pytest.raises(Misconfigured, match="3 things are unsafe") as caught:
        require_safe(bare)
    assert "public_url" in str(caught.value)
    assert "doorward init" in str(caught.value)
    assert "mode 700" in str(caught.value)


def test_dev_shows_its_metrics_on_this_machine_only(safe: SafeSettings) -> None:
    assert "--dev shows metrics on 10.0.0.5" in told(load_settings(dev=True, metrics_host="10.0.0.5"))
    assert "metrics" not in told(load_settings(dev=True, metrics_host="::1"))


_UNVERIFIED = "its certificate is not verified"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://doorward@db.invalid/doorward",
        "postgresql://doorward@db.invalid/doorward?sslmode=require",
        "postgresql://doorward@127.0.0.1,db.invalid/doorward",
        "postgresql://doorward@[2001:db8::1]:5432/doorward",
        "postgresql:///doorward?host=db.invalid",
    ],
)
def test_a_database_elsewhere_must_prove_who_it_is(safe: SafeSettings, url: str) -> None:
    # The tests refuse to leave this machine: whoever asked the server all the same would fail here.
    assert _UNVERIFIED in told(safe(database_url=url))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://doorward@127.0.0.1:1/doorward",
        "postgresql://doorward@[::1]:1/doorward",
        "postgresql:///doorward?host=/nowhere",
        "postgresql://doorward@%2Fnowhere/doorward",
    ],
)
def test_a_database_that_proves_who_it_is_or_is_here_is_fine(
    safe: SafeSettings, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.delenv("PGHOST", raising=False)
    assert told(safe(database_url=url)).startswith("The database cannot be reached")


def test_who_says_so_speaks_to_a_database_in_the_clear(safe: SafeSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def schema_state(url: str) -> SchemaState:
        asked.append(url)
        return SchemaState.CURRENT

    monkeypatch.setattr("doorward.app.check.database.schema_state", schema_state)
    verified, clear = "postgresql://a@db.invalid/a?sslmode=verify-full", "postgresql://a@db.invalid/a"
    assert find_unsafe(safe(database_url=verified)) == ()
    assert find_unsafe(safe(database_url=clear, danger_database_in_the_clear=True)) == ()
    assert asked == [verified, clear]


@pytest.mark.parametrize("folder", ["data", "secrets", "audit"])
@pytest.mark.parametrize("mode", [0o777, 0o1777])
def test_a_folder_everybody_can_write_is_refused(safe: SafeSettings, tmp_path: Path, folder: str, mode: int) -> None:
    (tmp_path / folder).chmod(mode)
    assert f"Every user of this machine can write into {tmp_path / folder}" in told(safe())
