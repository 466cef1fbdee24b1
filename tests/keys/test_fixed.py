"""Keys that do not change."""

from tests.simulators.issuer import SimulatedIssuer

from doorward.crypto.jose.algorithms import Algorithm
from doorward.crypto.jose.key_set import KeySet
from doorward.keys.fixed import FixedKeys


async def test_fixed_keys_are_found_and_nothing_moves_them() -> None:
    first, second = SimulatedIssuer(), SimulatedIssuer(algorithm=Algorithm.EDDSA)
    keys = FixedKeys(KeySet([first.key.verification, second.key.verification]))
    await keys.start()
    assert keys.find(first.key.kid, "ES256") is first.key.verification
    assert keys.find(first.key.kid, "RS256") is None
    assert keys.find(None, "Ed25519") is second.key.verification
    assert keys.find("unknown", "ES256") is None
    await keys.refresh("unknown")
    assert keys.find("unknown", "ES256") is None
    assert keys.generation == 0
    assert first.key.kid in repr(keys)
    await keys.aclose()


def test_a_secret_is_not_shown() -> None:
    closed = SimulatedIssuer(algorithm=Algorithm.HS256)
    assert closed.key.private_der().hex()[:8] not in repr(FixedKeys(KeySet([closed.key.verification])))
