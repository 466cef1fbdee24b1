"""What is in force, and that nothing misspelt is passed over."""

from pathlib import Path

import pytest

from doorward.app.settings import CONFIG_BYTES_MAX, load_settings
from doorward.errors import Misconfigured


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(text: str) -> Path:
    path = Path("doorward.toml")
    path.write_text(text)
    return path


def test_the_command_line_wins_over_the_environment_and_that_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    write("listen_port = 1001\nmetrics_port = 1002\nmax_staleness_s = 30\n")
    monkeypatch.setenv("DOORWARD_METRICS_PORT", "2002")
    monkeypatch.setenv("DOORWARD_MAX_STALENESS_S", "40")
    settings = load_settings(max_staleness_s=50, log_level=None)
    assert (settings.listen_port, settings.metrics_port, settings.max_staleness_s) == (1001, 2002, 50)


def test_lists_come_as_arrays_or_as_comma_separated_text(monkeypatch: pytest.MonkeyPatch) -> None:
    write('trusted_proxies = ["10.0.0.0/8"]\n')
    assert load_settings().trusted_proxies == ("10.0.0.0/8",)
    monkeypatch.setenv("DOORWARD_TRUSTED_PROXIES", "10.0.0.1, 10.0.0.2,")
    assert load_settings().trusted_proxies == ("10.0.0.1", "10.0.0.2")


def test_metrics_can_be_switched_off_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOORWARD_METRICS_PORT", "none")
    assert load_settings().metrics_port is None


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("listen_prot = 1\n", "listen_prot: no such setting"),
        ("listen_port = 70000\n", "listen_port"),
        ('public_url = "https://user:pw@host/path"\n', "public_url"),
        ('issuer = "id.example"\n', "issuer: it must be a URL such as https://id.example"),
        ("max_staleness_s = -1\n", "max_staleness_s"),
        ('key_prefix = "Über"\n', "key_prefix"),
        ("listen_port = \n", "not TOML"),
        ('master_key = "k1:secret"\n', "holds a secret"),
    ],
)
def test_what_is_wrong_in_the_file_is_named_and_its_value_is_not(text: str, names: str) -> None:
    write(text)
    with pytest.raises(Misconfigured) as caught:
        load_settings()
    assert names in caught.value.problem
    assert "pw@" not in str(caught.value)
    assert "k1:secret" not in str(caught.value)


def test_several_faults_are_told_at_once() -> None:
    write("listen_port = 70000\nmetrics_port = -1\nnonsense = 1\n")
    with pytest.raises(Misconfigured) as caught:
        load_settings()
    assert all(name in caught.value.problem for name in ("listen_port", "metrics_port", "nonsense"))


def test_a_misspelt_variable_is_refused_and_a_foreign_one_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOORWARD_VECTORS", "somewhere")
    load_settings()
    monkeypatch.setenv("DOORWARD_TRUSTED_PROXIE", "10.0.0.1")
    with pytest.raises(Misconfigured, match="DOORWARD_TRUSTED_PROXIES"):
        load_settings()


def test_a_named_file_that_is_missing_or_too_large_is_refused() -> None:
    with pytest.raises(Misconfigured, match=r"absent\.toml cannot be read"):
        load_settings(Path("absent.toml"))
    write("#" * (CONFIG_BYTES_MAX + 1))
    with pytest.raises(Misconfigured, match="larger"):
        load_settings()


def test_no_secret_shows_in_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOORWARD_MASTER_KEY", "k1:topsecret")
    settings = load_settings(database_url="postgresql://u:hunter2@db/doorward")
    shown = f"{settings!r} {settings} {settings.model_dump()}"
    assert "topsecret" not in shown
    assert "hunter2" not in shown


def test_dev_names_places_only_where_none_were_named() -> None:
    bare = load_settings(dev=True)
    assert bare.database_path == Path(".doorward/doorward.db")
    assert bare.master_key_file == Path(".doorward/master.key")
    named = load_settings(dev=True, database_url="sqlite:////var/lib/x.db", master_key_file="mine.key")
    assert named.database_path == Path("/var/lib/x.db")
    assert named.master_key_file == Path("mine.key")
    assert bare.hosts == ("localhost", "127.0.0.1", "[::1]")


def test_the_public_url_names_an_allowed_host() -> None:
    settings = load_settings(public_url="https://keys.example", allowed_hosts="10.0.0.9:8700")
    assert settings.hosts == ("10.0.0.9:8700", "keys.example")


@pytest.mark.parametrize("name", ["DOORWARD_DATABASE", "DOORWARD_TLS_CERT", "DOORWARD_TRUSTED"])
def test_a_name_cut_short_is_not_passed_over(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "something")
    with pytest.raises(Misconfigured, match=f"{name} is not a setting"):
        load_settings()
