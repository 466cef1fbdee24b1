"""Which keys made elsewhere may come into a ring."""

import hashlib
import secrets
from typing import Final

import pytest
from tests.simulators.ring import SimulatedRingStore, policy_of

from doorward.crypto.jose.algorithms import Algorithm
from doorward.crypto.jose.signing import SigningKey, generate_signing_key, load_signing_key
from doorward.crypto.sealing import MasterKeys
from doorward.errors import Rejected
from doorward.keys.adoption import import_signing_key_next
from doorward.keys.jwks import write_jwks
from doorward.keys.keyring_port import SigningKeyState
from doorward.keys.operations import compromise_signing_key, keep_ring
from doorward.keys.signer import SealedSigner, open_private
from doorward.values import Actor

ADA: Final = Actor(kind="operator", id="ada")


class Ring:
    """A ring that keys are imported into, and stolen from."""

    def __init__(self, algorithm: Algorithm) -> None:
        self.store = SimulatedRingStore()
        self.master_keys = MasterKeys({"k1": bytes(range(32))}, current="k1", entropy=secrets.token_bytes)
        self.signer = SealedSigner(self.master_keys, entropy=secrets.token_bytes)
        self._policy: Final = policy_of(algorithm)

    async def found(self) -> None:
        await keep_ring(self.store, self._policy, self.signer, may_found=True)

    async def take_over(self, key: SigningKey, kid: str) -> SigningKeyState:
        named = load_signing_key(key.private_der(), key.algorithm, kid=kid)
        record = await import_signing_key_next(
            self.store, self._policy, self.master_keys, named, reason="moved", actor=ADA
        )
        return record.state

    async def lose(self, kid: str) -> None:
        await compromise_signing_key(self.store, self._policy, self.signer, kid, reason="stolen", actor=ADA)


@pytest.mark.parametrize("algorithm", [Algorithm.HS256, Algorithm.ES256])
async def test_a_key_that_was_in_a_ring_does_not_come_in_under_another_name(algorithm: Algorithm) -> None:
    ring = Ring(algorithm)
    await ring.found()
    own = open_private(ring.store.current, ring.master_keys)
    imported = generate_signing_key(algorithm, secrets.token_bytes, kid="one")
    assert await ring.take_over(imported, "one") is SigningKeyState.NEXT
    for lost in (imported, own):
        await ring.lose(lost.kid)
        assert ring.store.keys[lost.kid].sealed_private is None
        for kid in (lost.kid, "two"):
            with pytest.raises(Rejected, match="object_exists"):
                await ring.take_over(lost, kid)
    assert await ring.take_over(generate_signing_key(algorithm, secrets.token_bytes), "other") is SigningKeyState.NEXT


async def test_another_spelling_of_an_hmac_secret_is_the_same_key() -> None:
    ring = Ring(Algorithm.HS256)
    await ring.found()
    short, long = secrets.token_bytes(40), secrets.token_bytes(80)
    for secret, spelled in ((short, short + b"\0"), (long, hashlib.sha256(long).digest())):
        kid = secret[:4].hex()
        first, second = (SigningKey(each, Algorithm.HS256, kid) for each in (secret, spelled))
        assert first.sign(b"x") == second.sign(b"x"), "one key, by RFC 2104"
        await ring.take_over(first, kid)
        await ring.lose(kid)
        with pytest.raises(Rejected, match="object_exists"):
            await ring.take_over(second, "again")


async def test_what_an_hmac_secret_is_known_again_by_is_not_published() -> None:
    ring = Ring(Algorithm.HS256)
    await ring.found()
    assert len(ring.store.current.public_jwk["known_by"]) == 43
    assert write_jwks(ring.store.keys.values()).body == b'{"keys":[]}'
