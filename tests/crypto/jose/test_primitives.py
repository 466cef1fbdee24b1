import pytest
from cryptography.hazmat.primitives.asymmetric.ec import derive_private_key
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st
from tests.crypto.jose.samples import sample_key

from doorward.crypto.jose.algorithms import REQUIREMENTS, Algorithm, find_algorithm
from doorward.crypto.jose.jwk import CURVES
from doorward.crypto.jose.primitives import CURVE_ORDERS, encode_der


@pytest.mark.parametrize("crv", list(CURVE_ORDERS))
def test_the_order_of_each_curve_is_right_to_the_last_bit(crv: str) -> None:
    """The last private key there is is one less than the order: one more is the same as none at all."""
    last = derive_private_key(CURVE_ORDERS[crv] - 1, CURVES[crv]).public_key().public_numbers()
    first = derive_private_key(1, CURVES[crv]).public_key().public_numbers()
    assert last.x == first.x
    assert last.y != first.y


def test_only_the_names_of_the_table_are_algorithms() -> None:
    named = {name: algorithm for algorithm, row in REQUIREMENTS.items() for name in row.names}
    assert all(find_algorithm(name) is algorithm for name, algorithm in named.items())
    assert set(named) == {algorithm.value for algorithm in Algorithm} | {"Ed25519"}
    for name in ("none", "None", "", "ES256K", "Ed448", "HS1", "RS1", "es256", "eddsa", "RSA1_5", "A128KW", "dir"):
        assert find_algorithm(name) is None


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_a_signature_holds_for_its_own_text_only(algorithm: Algorithm) -> None:
    key = sample_key(algorithm)
    signature = key.sign(b"text")
    key.verification.verify(b"text", signature)
    for other in (b"", b"Text", b"text\0", b"tex"):
        with pytest.raises(Exception, match="token_signature"):
            key.verification.verify(other, signature)
    for at in range(0, len(signature), 5):
        altered = signature[:at] + bytes([signature[at] ^ 1]) + signature[at + 1 :]
        with pytest.raises(Exception, match="token_signature"):
            key.verification.verify(b"text", altered)


@given(st.sampled_from([32, 48, 66]), st.data())
def test_two_numbers_are_written_as_the_primitive_reads_them(half: int, data: st.DataObject) -> None:
    beginnings = st.sampled_from([b"", b"\0", b"\0\0", b"\0\x80", b"\x01", b"\x7f", b"\x80", b"\xff", b"\0" * 65])
    numbers = [
        (data.draw(beginnings) + data.draw(st.binary(min_size=half, max_size=half)))[: half - 1] + b"\x01"
        for _ in range(2)
    ]
    r, s = numbers
    assert encode_der(r, s) == encode_dss_signature(int.from_bytes(r), int.from_bytes(s))
