"""What nobody should send: an answer comes out of every explanation, and nothing is thrown but `Misconfigured`."""

from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.simulators.signed import KEYS, message
from tests.simulators.webhook import NOW, SCHEME_NAMES, deliver

from doorward.errors import Misconfigured
from doorward.methods.explaining import Work
from doorward.methods.signature import Message
from doorward.methods.signature.explain import ExplainedKey, explain_signature
from doorward.methods.webhook.explain import SecretText, explain_delivery
from doorward.methods.webhook.schemes import SCHEMES
from doorward.methods.webhook.verify import verify_delivery

KEYS_OF: Final = (ExplainedKey("k1", KEYS["k1"]),)
DIGESTS: Final = b"sha-256=:" + b"A" * 43 + b"=:, sha-512=:" + b"A" * 86 + b"==:"

_TEXTS: Final = st.sampled_from(
    [
        "&#" + "9" * 5_000,
        "http://[",
        "//[",
        "http://a:99999999/x",
        "https://h/\ud800",
        "\ud800",
        "&#x110000;",
        "a" * 300,
    ]
)


@settings(deadline=None, max_examples=60)
@given(
    name=st.sampled_from(SCHEME_NAMES),
    values=st.lists(st.tuples(st.integers(0, 9), _TEXTS | st.text(max_size=30)), max_size=6),
    body=_TEXTS | st.text(max_size=60),
    url=st.none() | _TEXTS | st.text(max_size=40),
    secret=_TEXTS | st.text(max_size=40),
)
def test_nothing_but_misconfigured_comes_out_of_the_explanation_of_a_delivery(
    name: str, values: list[tuple[int, str]], body: str, url: str | None, secret: str
) -> None:
    scheme = SCHEMES[name]
    names = [scheme.signature_header, scheme.timestamp_header, scheme.id_header, "host", "x-original-url"]
    names += ["x-forwarded-host", "x-forwarded-prefix", "content-length", "content-encoding", "x-original-uri"]
    headers = [(names[which].lower().encode() or b"y", _octets(text)) for which, text in values]
    texts = [SecretText(id="s", text=secret)]
    try:
        found = explain_delivery(scheme, texts, headers, _octets(body), now=NOW, url=url, work=Work(3_000_000))
    except Misconfigured:
        return
    assert found.says


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


_COVERED: Final = st.sampled_from(
    [
        '"content-digest";key="sha-512"',
        '"content-digest";key="sha-256"',
        '"content-digest";sf',
        '"content-digest";bs',
        '"content-length"',
        '"@target-uri"',
        '"@query-param";name="a"',
        '"@authority"',
        '"x-d";key="a"',
        '"priority";sf',
        '"host"',
        '"@status";req',
    ]
)


@settings(deadline=None, max_examples=60)
@given(
    covered=st.lists(_COVERED, max_size=4, unique=True),
    foreign=st.lists(_COVERED, max_size=2, unique=True),
    values=st.lists(st.tuples(st.integers(0, 9), _TEXTS | st.text(max_size=30)), max_size=6),
    target=st.binary(max_size=30),
    authority=st.none() | st.binary(max_size=20),
    body=_TEXTS | st.text(max_size=60),
)
def test_nothing_comes_out_of_the_explanation_of_a_request_but_an_answer(
    covered: list[str],
    foreign: list[str],
    values: list[tuple[int, str]],
    target: bytes,
    authority: bytes | None,
    body: str,
) -> None:
    names = [b"host", b"x-forwarded-host", b"forwarded", b"x-original-url", b"content-digest", b"content-length"]
    names += [b"x-d", b"priority", b"x-forwarded-prefix", b"content-encoding"]
    said = f's=({" ".join(covered)});created=1;keyid="k1", t=({" ".join(foreign)});tag=""'
    headers = [(names[which], _octets(text)) for which, text in values]
    headers += [(b"signature-input", said.encode()), (b"signature", b"s=:AAAA:, t=:AAAA:")]
    headers.append((b"content-digest", DIGESTS))
    request = Message(method="POST", target=target, scheme="https", authority=authority, headers=headers)
    assert explain_signature(request, _octets(body), KEYS_OF, now=NOW, work=Work(3_000_000)).says


def test_a_digest_of_the_other_algorithm_is_explained() -> None:
    for component in (
        '"content-digest";key="md5"',
        '"content-digest";key="sha-512"',
        '"content-digest"',
        '"content-digest";sf',
    ):
        said = f's=({component});created=1000;keyid="k1"'.encode()
        request = message(
            (b"content-digest", DIGESTS), (b"signature-input", said), (b"signature", b"s=:" + b"A" * 43 + b"=:")
        )
        assert not explain_signature(request, b'{"a": 1}', KEYS_OF, now=NOW).accepted


def test_a_url_that_is_no_text_is_said_to_be_none() -> None:
    delivery = deliver("twilio")
    with pytest.raises(Misconfigured, match="surrogate"):
        explain_delivery(
            delivery.scheme, [delivery.text], delivery.headers, b"", now=NOW, url="https://h.example/\ud800"
        )
    with pytest.raises(Misconfigured, match="surrogate"):
        verify_delivery(delivery.scheme, [], delivery.headers, b"", now=NOW, url="https://h.example/\ud800")


@pytest.mark.parametrize(
    "body", [b"&#" + b"9" * 5_000, b"&#x" + b"f" * 5_000 + b";", b'{"a":"&#' + b"1" * 4_400 + b'"}']
)
def test_an_escape_of_more_digits_than_a_number_has_is_explained(body: bytes) -> None:
    delivery = deliver("github")
    assert not explain_delivery(delivery.scheme, [delivery.text], delivery.headers, body, now=NOW).accepted


@pytest.mark.parametrize("presented_url", [b"http://[", b"//[", b"http://[v1.1]:x", b"http://a:99999999/x"])
def test_a_header_with_a_url_that_is_none_is_explained(presented_url: bytes) -> None:
    delivery = deliver("twilio")
    headers = [*delivery.headers, (b"x-original-url", presented_url)]
    found = explain_delivery(
        delivery.scheme, [delivery.text], headers, b"a=b", now=NOW, url=delivery.url, work=Work(20_000_000)
    )
    assert not found.accepted
