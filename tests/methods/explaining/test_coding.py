"""Bodies that arrived compressed: undone where the standard library can, told where it cannot."""

import base64
import json
import zlib
from typing import Final

import pytest
from tests.methods.signature.explain.test_one_break import explained as signature_explained
from tests.methods.webhook.explain.test_one_break import explained as webhook_explained
from tests.simulators.signed import message, signed
from tests.simulators.webhook import deliver

from doorward.methods.explaining import Work
from doorward.methods.explaining.coding import coded_bodies, find_coding

CONTENT: Final = (
    json.dumps(
        {"amount": 100, "currency": "USD", "items": [1, 2, 3], "note": "Käse"},
        separators=(",", ":"),
        ensure_ascii=False,
    ).encode()
    * 3
)
# By Node's `zlib.brotliCompressSync`, and by `zstd -c`.
BROTLI: Final = base64.b64decode(
    "G7kA0KyLd8FHq+khe6TBLwWPDHW5mtvrqTfSYblU5ZYsMF2l09ciZUR0UyRmK0VkZpoSW3aJUArVONHPVNgiBvAtJ88+OFk="
)
ZSTD: Final = base64.b64decode(
    "KLUv/QRYPQIA5AN7ImFtb3VudCI6MTAwLCJjdXJyZW5jeSI6IlVTRCIsIml0ZW1zIjpbMSwyLDNdLCJub3RlIjoiS8Okc2UifQEAnoM0QAGJZ1R3"
)
BARE: Final = zlib.compress(CONTENT)[2:-4]


@pytest.mark.parametrize("received", [zlib.compress(CONTENT), zlib.compress(CONTENT, 1), BARE])
def test_deflate_is_undone_with_and_without_its_frame(received: bytes) -> None:
    assert [variant.value for variant in coded_bodies(received, Work(), made_at=None)] == [CONTENT]
    found = webhook_explained(deliver("github", CONTENT)._replace(body=received))
    assert [change.name for change in found.findings[0].changes] == ["body.gzip"]
    assert found.findings[0].proven


@pytest.mark.parametrize(
    "received",
    [b"x=1&y=2", b"x\x9c", b"\x1f\x8b", b"\x78\x01junk", BARE + b"more", BARE[:-5], CONTENT, b"x\x9c" + BARE[:-3]],
)
def test_what_is_not_whole_is_not_undone(received: bytes) -> None:
    assert CONTENT not in [variant.value for variant in coded_bodies(received, Work(), made_at=None)]


@pytest.mark.parametrize(
    ("codings", "body", "named"),
    [
        ([b"br"], BROTLI, "br"),
        ([b"BR"], BROTLI, "br"),
        ([b"gzip, br"], BROTLI, "br"),
        ([b"gzip", b" br "], BROTLI, "br"),
        ([], ZSTD, "zstd"),
        ([b"gzip"], ZSTD, "zstd"),
        ([b"compress"], b"\x1f\x9d\x90\x00", "compress"),
    ],
)
def test_what_cannot_be_undone_is_named(codings: list[bytes], body: bytes, named: str) -> None:
    found = find_coding(codings, body)
    assert found is not None
    assert found.fits_when.startswith(f"The body arrived compressed with {named}, which is not undone here:")


@pytest.mark.parametrize(
    ("codings", "body"),
    [([], BROTLI), ([b"gzip"], b"x"), ([b"br"], b""), ([b"identity"], CONTENT), ([b"<b>"], BROTLI), ([b"\xff"], b"\0")],
)
def test_nothing_is_said_of_a_coding_that_nothing_names(codings: list[bytes], body: bytes) -> None:
    assert find_coding(codings, body) is None


@pytest.mark.parametrize("body", [CONTENT, "ä".encode() * 400, b"a\r\n\tb"])
def test_text_under_such_a_name_was_decompressed_on_the_way(body: bytes) -> None:
    found = find_coding([b"br"], body)
    assert found is not None
    assert found.fits_when.startswith("Content-Encoding says br and the body is text: something on the way has")


def test_a_delivery_gets_the_sentence_and_not_none_of_these() -> None:
    delivery = deliver("standard", CONTENT)
    plain = webhook_explained(delivery._replace(body=BROTLI))
    assert plain.says.startswith("None of these")
    found = webhook_explained(delivery.changed("content-encoding", b"br")._replace(body=BROTLI))
    assert found.says.startswith("The body arrived compressed with br, which is not undone here")
    assert "brotli -d" in found.findings[0].cure
    assert not found.findings[0].proven


@pytest.mark.parametrize(("coding", "received"), [(b"br", BROTLI), (b"zstd", ZSTD)])
def test_a_signed_request_gets_it_with_its_digest(coding: bytes, received: bytes) -> None:
    request = signed(message((b"content-encoding", coding), body=CONTENT), body=CONTENT)
    found = signature_explained(request, received)
    assert found.code == "signature_digest"
    assert found.says.startswith(
        f"Refused, although the signature fits. The body arrived compressed with {coding.decode()}, "
    )
    # Of a body that is the one that was signed nothing is said.
    coded = signed(message((b"content-encoding", coding), body=received), body=received)
    assert signature_explained(coded, received).accepted
