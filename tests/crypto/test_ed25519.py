"""Ed25519 with raw keys, and HMAC over pieces."""

import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.crypto.ed25519 import Ed25519Signer, Ed25519Verifier, UnusableEd25519KeyError
from doorward.crypto.mac import MAC_BYTES, mac_of


def test_the_published_vector_is_signed_and_verified() -> None:
    # RFC 8032 section 7.1, test 2.
    signer = Ed25519Signer(bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"))
    assert signer.public_key.hex() == "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    signature = signer.sign(b"\x72")
    assert signature.hex().startswith("92a009a9f0d4cab8720e820b5f642540")
    verifier = Ed25519Verifier(signer.public_key)
    assert verifier.fits(signature, b"\x72")
    assert not verifier.fits(signature, b"\x73")
    assert not verifier.fits(signature[:-1], b"\x72")


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_a_key_of_another_size_is_unusable(size: int) -> None:
    for build in (Ed25519Verifier, Ed25519Signer):
        with pytest.raises(UnusableEd25519KeyError):
            build(bytes(size))


def test_a_private_key_is_not_shown() -> None:
    signer = Ed25519Signer(bytes(range(32)))
    assert bytes(range(32)).hex() not in repr(signer) + str(vars(type(signer)))


@given(pieces=st.lists(st.binary(max_size=50), min_size=1, max_size=4), digest=st.sampled_from(list(MAC_BYTES)))
def test_pieces_are_as_good_as_the_whole(pieces: list[bytes], digest: str) -> None:
    whole = hmac.digest(b"k" * 32, b"".join(pieces), digest)
    assert mac_of(b"k" * 32, pieces, digest) == whole  # type: ignore[arg-type]  # one of its three
    assert mac_of(b"k" * 32, [*pieces, bytes(40_000)], digest) == hmac.digest(  # type: ignore[arg-type]  # as above
        b"k" * 32, b"".join([*pieces, bytes(40_000)]), digest
    )
    assert len(whole) == MAC_BYTES[digest]  # type: ignore[index]  # as above
