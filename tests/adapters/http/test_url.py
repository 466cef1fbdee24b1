"""What is a URL to us, and which addresses it may lead to."""

from ipaddress import ip_address

import pytest

from doorward.adapters.http.addresses import Reach, is_allowed
from doorward.adapters.http.url import URL_CHARACTERS_MAX, UnusableUrl, parse_operator_url, parse_url
from doorward.errors import Misconfigured


def test_a_plain_url_is_read_in_pieces() -> None:
    url = parse_url("https://ID.example:8443/a/b?c=%20d")
    assert (url.scheme, url.host, url.port, url.target) == ("https", "id.example", 8443, "/a/b?c=%20d")
    assert url.authority == "id.example:8443"
    assert parse_url("https://id.example").target == "/"
    assert parse_url("https://id.example?x=1").target == "/?x=1"
    assert parse_url("https://id.example:443/").authority == "id.example"
    assert parse_url("https://[2001:DB8::1]/").authority == "[2001:db8::1]"


@pytest.mark.parametrize(
    "text",
    [
        "file:///etc/passwd",
        "data:application/json,{}",
        "ftp://id.example/",
        "gopher://id.example/",
        "HTTPS://id.example/",
        "//id.example/",
        "https:id.example",
        "https://user@id.example/",
        "https://user:word@id.example/",
        "https://id.example\\@evil.example/",
        "https://id.example#@evil.example/",
        "https://id.example/#part",
        "https://id.example /",
        "https://id.example/\r\nhost: evil",
        "https://id.example/\x00",
        "https://id.example/ä",
        "https://\u0131d.example/",
        "https://id.example./",
        "https://.id.example/",
        "https://-id.example/",
        "https://id_x.example/",
        "https://id.example:0/",
        "https://id.example:65536/",
        "https://id.example:/",
        "https://id.example/a/../b",
        "https://id.example/a/%2e%2E/b",
        "https://0x7f.1/",
        "https://0x7f000001/",
        "https://2130706433/",
        "https://127.1/",
        "https://0177.0.0.1/",
        "https://127.0.0.0x1/",
        "https://127.0.0.1.1/",
        "https://id.123/",
        "https://256.0.0.1/",
        "https://[::1%25lo]/",
        "https://[127.0.0.1]/",
        "https://[:::]/",
        "https:///path",
        "https://",
        "",
    ],
)
def test_what_may_be_read_in_two_ways_is_no_url(text: str) -> None:
    with pytest.raises(UnusableUrl) as refused:
        parse_url(text)
    assert "example" not in str(refused.value).replace("https://host/path", "")


def test_plain_http_must_be_said() -> None:
    with pytest.raises(UnusableUrl, match="not https"):
        parse_url("http://127.0.0.1/")
    assert parse_url("http://127.0.0.1/", danger_plain_http=True).port == 80


def test_a_url_is_bounded() -> None:
    start = "https://id.example/"
    parse_url(start + "a" * (URL_CHARACTERS_MAX - len(start)))
    with pytest.raises(UnusableUrl, match="longer"):
        parse_url(start + "a" * (URL_CHARACTERS_MAX - len(start) + 1))


def test_an_operator_is_told_which_setting() -> None:
    with pytest.raises(Misconfigured, match="jwks_url cannot be used"):
        parse_operator_url("file:///etc/passwd", "jwks_url")


def test_plain_http_is_said_by_a_name_that_is_told() -> None:
    with pytest.raises(Misconfigured, match="danger_plain_http=True"):
        parse_operator_url("http://127.0.0.1:8700", "jwks_url")
    with pytest.raises(Misconfigured) as unusual:
        parse_operator_url("http://127.0.0.1:8700/#x", "jwks_url", danger_plain_http=True)
    assert "danger_plain_http" not in str(unusual.value)


@pytest.mark.parametrize(
    "text",
    [
        "0.0.0.0",  # noqa: S104  # refused, not bound
        "10.0.0.1",
        "100.64.0.1",
        "100.100.100.200",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    ],
)
def test_a_stranger_reaches_no_special_address(text: str) -> None:
    assert not is_allowed(ip_address(text), Reach.STRANGER)


@pytest.mark.parametrize("text", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "2a00:1450:4001::1"])
def test_a_stranger_reaches_public_addresses(text: str) -> None:
    assert is_allowed(ip_address(text), Reach.STRANGER)


@pytest.mark.parametrize(
    "text", ["127.0.0.1", "::1", "10.1.2.3", "fc00::1", "192.168.0.9", "8.8.8.8", "::ffff:10.0.0.1", "64:ff9b::a00:1"]
)
def test_an_operator_reaches_private_machines(text: str) -> None:
    assert is_allowed(ip_address(text), Reach.OPERATOR)


@pytest.mark.parametrize(
    "text",
    [
        "169.254.169.254",
        "::ffff:169.254.169.254",
        "fd00:ec2::254",
        "0.0.0.0",  # noqa: S104  # refused, not bound
        "::",
        "fe80::1",
        "224.0.0.1",
        "fe80::1%1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "::a9fe:a9fe",
    ],
)
def test_not_even_an_operator_reaches_what_gives_out_credentials(text: str) -> None:
    assert not is_allowed(ip_address(text), Reach.OPERATOR)
