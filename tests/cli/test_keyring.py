"""The keyring at the command line."""

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from tests.fixtures_cli import Shell

ISSUER = "https://id.example"
MEMBERS = {
    "kid", "issuer", "algorithm", "state", "created_at", "published_at", "activated_at", "superseded_at", "retired_at",
    "compromised", "next_step", "next_step_at", "version",
}  # fmt: skip


@pytest.fixture
def ring(empty_shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A shell after `doorward init` of a deployment that knows its issuer."""
    monkeypatch.setenv("DOORWARD_ISSUER", ISSUER)
    said = empty_shell.good("init")
    assert f"Signing keys of {ISSUER}" in said.err
    return empty_shell


def listed(shell: Shell, *more: str) -> dict[str, Any]:
    """The keys by state; of several in one state, the last."""
    return {key["state"]: key for key in shell.good("keyring", "list", "--json", *more).lines}


def actions(shell: Shell) -> list[str]:
    events = shell.good("audit", "list", "--json").lines
    return [event["action"].removeprefix("signing_key.") for event in events if event["object_kind"] == "signing_key"]


def pem_of(private: Any, encryption: Any = None) -> bytes:  # Any: cryptography's own types
    pem: bytes = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption())
    return pem


def test_a_list_says_what_happens_next_and_when(ring: Shell) -> None:
    said = ring.good("keyring", "list")
    keys = listed(ring)
    assert said.out.splitlines()[0].strip() == ISSUER
    for state, told in (("current", "rotates in 30 d"), ("next", "signs in 30 d")):
        line = next(line for line in said.out.splitlines() if keys[state]["kid"] in line)
        assert state in line
        assert told in line
        assert "ES256" in line
    assert max(map(len, said.out.splitlines())) <= 80
    assert set(keys["current"]) == MEMBERS
    assert keys["current"]["next_step_at"] == keys["current"]["activated_at"] + 30 * 86_400


def test_no_private_half_shows(ring: Shell) -> None:
    for command in (("list",), ("list", "--all"), ("list", "--json")):
        said = ring.good("keyring", *command)
        assert "sealed" not in said.out + said.err
        assert '"d"' not in said.out


def test_a_rotation_waits_for_caches_or_is_told_not_to(ring: Shell) -> None:
    before = listed(ring)
    early = ring("keyring", "rotate", "--because", "routine")
    assert early.code == 1
    assert "some verifiers may cache a JWKS without it" in early.err
    assert "Wait that long, or rotate at once (--danger-at-once)" in early.err
    assert listed(ring) == before
    said = ring.good("keyring", "rotate", "--danger-at-once", "--because", "drill")
    assert "refuse its tokens until they fetch it again" in said.err
    after = listed(ring)
    assert after["current"]["kid"] == before["next"]["kid"]
    assert after["previous"]["kid"] == before["current"]["kid"]
    assert after["previous"]["next_step"] == "retires"
    assert actions(ring)[-3:] == ["superseded", "activated", "created"]


def test_a_rotation_for_programs_answers_the_ring(ring: Shell) -> None:
    keys = ring.json("keyring", "rotate", "--danger-at-once", "--because", "drill")["keys"]
    assert sorted(key["state"] for key in keys) == ["current", "next", "previous"]


def test_the_key_that_signs_is_rotated_before_it_is_retired(ring: Shell) -> None:
    kid = listed(ring)["current"]["kid"]
    said = ring("keyring", "retire", kid, "--because", "routine")
    assert said.code == 1
    assert "rotate first" in said.err
    ring.good("keyring", "rotate", "--danger-at-once", "--because", "routine")
    said = ring.good("keyring", "retire", kid, "--because", "sooner")
    assert "What it signed is refused" in said.err
    assert listed(ring, "--all")["retired"]["kid"] == kid


def test_a_next_key_is_replaced(ring: Shell) -> None:
    kid = listed(ring)["next"]["kid"]
    assert "Another key was published" in ring.good("keyring", "retire", kid, "--because", "spare").err
    assert listed(ring)["next"]["kid"] != kid


def test_an_emergency_says_who_refuses_what_and_from_when_on(ring: Shell) -> None:
    before = listed(ring)
    kid = before["current"]["kid"]
    said = ring.good("keyring", "retire", kid, "--compromised", "--because", "stolen laptop")
    for told in ("Refused for good", "follow the feed", "out of the JWKS", "5 minutes", "published only", "signs now"):
        assert told in said.err
    after = listed(ring, "--all")
    assert (after["retired"]["kid"], after["retired"]["compromised"]) == (kid, True)
    assert after["current"]["kid"] == before["next"]["kid"]
    assert "compromised" in ring.good("keyring", "list", "--all").out
    assert kid not in ring.good("keyring", "list").out
    (event,) = [
        event for event in ring.good("audit", "list", "--json").lines if event["action"] == "signing_key.compromised"
    ]
    assert (event["object_id"], event["reason"]) == (kid, "stolen laptop")
    again = ring("keyring", "retire", kid, "--compromised", "--because", "twice")
    assert (again.code, "(state_final)" in again.err) == (1, True)


def test_an_emergency_for_programs(ring: Shell) -> None:
    kid = listed(ring)["current"]["kid"]
    told = ring.json("keyring", "retire", kid, "--compromised", "--because", "x")
    assert told["retired"]["compromised"] is True
    assert told["signs_now"]["state"] == "current"
    assert told["known_everywhere_at"] == told["signs_now"]["published_at"] + 420


@pytest.mark.parametrize(
    ("private", "algorithm"),
    [
        (ec.generate_private_key(ec.SECP256R1()), "ES256"),
        (ed25519.Ed25519PrivateKey.generate(), "EdDSA"),
        (rsa.generate_private_key(65_537, 2_048), "RS256"),
    ],
    ids=["P-256", "Ed25519", "RSA"],
)
def test_a_key_made_elsewhere_becomes_the_next_one(ring: Shell, private: Any, algorithm: str) -> None:
    path = ring.folder / "moved.pem"
    path.write_bytes(pem_of(private))
    said = ring.good("keyring", "import", "moved.pem", "--kid", "moved-1", "--because", "from the old server")
    assert "Delete it" in said.err
    imported = listed(ring)["next"]
    assert (imported["kid"], imported["algorithm"]) == ("moved-1", algorithm)
    assert actions(ring)[-2:] == ["retired", "imported"]
    assert path.read_bytes().decode().splitlines()[1] not in said.out + said.err
    # Neither under its own id nor under another can it come twice.
    for kid in ("moved-1", "moved-2"):
        again = ring("keyring", "import", "moved.pem", "--kid", kid, "--because", "x")
        assert (again.code, "(object_exists)" in again.err) == (1, True)


def test_a_private_jwk_keeps_its_name(ring: Shell) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    numbers = private.private_numbers()

    def text(number: int) -> str:
        return base64.urlsafe_b64encode(number.to_bytes(32, "big")).rstrip(b"=").decode()

    point = numbers.public_numbers
    jwk = {"kty": "EC", "crv": "P-256", "kid": "old", "x": text(point.x), "y": text(point.y)}
    (ring.folder / "key.json").write_text(json.dumps({**jwk, "d": text(numbers.private_value)}))
    assert ring.json("keyring", "import", "key.json", "--because", "x")["kid"] == "old"


def test_a_compromised_key_is_not_imported_again(ring: Shell) -> None:
    (ring.folder / "k.pem").write_bytes(pem_of(ec.generate_private_key(ec.SECP256R1())))
    ring.good("keyring", "import", "k.pem", "--kid", "a", "--because", "x")
    ring.good("keyring", "retire", "a", "--compromised", "--because", "x")
    again = ring("keyring", "import", "k.pem", "--kid", "b", "--because", "x")
    assert (again.code, "(object_exists)" in again.err) == (1, True)


def test_what_may_not_sign_is_refused_with_its_reason(ring: Shell) -> None:
    cases: list[tuple[bytes, tuple[str, ...], int, str]] = [
        (pem_of(rsa.generate_private_key(65_537, 1_024)), (), 1, "2048"),  # noqa: S505  # as the test says
        (pem_of(ec.generate_private_key(ec.SECP384R1())), (), 1, "not signed with ES384"),
        (pem_of(ec.generate_private_key(ec.SECP256K1())), (), 1, "no key that may sign"),
        (pem_of(ed25519.Ed25519PrivateKey.generate(), BestAvailableEncryption(b"x")), (), 1, "encrypted"),
        (b"nonsense", (), 1, "neither PEM nor a JWK"),
        (b'{"kty":"oct","alg":"HS256","k":"c2VjcmV0"}', (), 1, "no key that may sign"),
        (b"x" * 70_000, (), 1, "at most"),
        (pem_of(ec.generate_private_key(ec.SECP256R1())), ("--algorithm", "RS256"), 1, "no key that may sign"),
        (pem_of(ec.generate_private_key(ec.SECP256R1())), ("--algorithm", "none"), 2, "no algorithm"),
        (pem_of(ec.generate_private_key(ec.SECP256R1())), ("--kid", "two words"), 1, "visible ASCII"),
        (pem_of(ec.generate_private_key(ec.SECP256R1())), ("--kid", "x" * 201), 1, "at most 200"),
    ]
    before = listed(ring, "--all")
    for text, more, code, told in cases:
        (ring.folder / "bad.pem").write_bytes(text)
        said = ring("keyring", "import", "bad.pem", *more, "--because", "x")
        assert (said.code, told in said.err) == (code, True), said.err
        assert said.err.count("\n") == 1
    assert ring("keyring", "import", "absent.pem", "--because", "x").code == 1
    assert listed(ring, "--all") == before


@pytest.mark.parametrize("command", [("rotate",), ("retire", "k"), ("import", "f.pem")])
def test_a_reason_must_be_said(ring: Shell, command: tuple[str, ...]) -> None:
    (ring.folder / "f.pem").touch()
    said = ring("keyring", *command)
    assert (said.code, "--because" in said.err) == (2, True)


def test_an_issuer_must_be_known(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    said = shell("keyring", "rotate", "--because", "x")
    assert (said.code, "--issuer" in said.err) == (2, True)
    assert "No signing keys yet" in shell.good("keyring", "list").err
    unknown = shell("keyring", "rotate", "--issuer", ISSUER, "--because", "x")
    assert (unknown.code, "no ring yet" in unknown.err) == (1, True)
    assert shell("keyring", "rotate", "--issuer", "id.example", "--because", "x").code == 3
    assert shell("keyring", "retire", "nobody", "--because", "x").code == 1
    (shell.folder / "k.pem").write_bytes(pem_of(ed25519.Ed25519PrivateKey.generate()))
    early = shell("keyring", "import", "k.pem", "--issuer", ISSUER, "--because", "x")
    assert (early.code, "has no signing keys yet" in early.err) == (1, True)
    for issuer in (ISSUER, "https://other.example"):
        monkeypatch.setenv("DOORWARD_ISSUER", issuer)
        shell.good("init", "--replace-admin")
    monkeypatch.delenv("DOORWARD_ISSUER")
    several = shell("keyring", "rotate", "--danger-at-once", "--because", "x")
    assert (several.code, "https://other.example" in several.err) == (2, True)
    assert {key["issuer"] for key in shell.good("keyring", "list", "--json").lines} == {ISSUER, "https://other.example"}
    only = shell.good("keyring", "list", "--issuer", ISSUER, "--json").lines
    assert {key["issuer"] for key in only} == {ISSUER}
    shell.good("keyring", "rotate", "--issuer", ISSUER, "--danger-at-once", "--because", "x")
