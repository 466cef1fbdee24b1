"""Who the client is: nobody is believed by default, and strangers cannot write themselves into the list."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.errors import Misconfigured, Rejected
from doorward.wire.hops import HOPS_MAX, TrustedHops, parse_address
from doorward.wire.request import Header, Peer, index_headers

PROXY = Peer(ip_address("10.0.0.1"))
STRANGER = Peer(ip_address("203.0.113.9"))
SOCKET = Peer(None)
HOPS = TrustedHops(("10.0.0.0/24", "2001:db8:1::/48", "unix"))
RFC7239 = TrustedHops(("10.0.0.0/24", "unix"), "forwarded")


def _x(addresses: str, proto: str = "https", host: str | None = None) -> list[Header]:
    headers = [(b"x-forwarded-for", addresses.encode()), (b"x-forwarded-proto", proto.encode())]
    return headers if host is None else [*headers, (b"x-forwarded-host", host.encode())]


def _refused(hops: TrustedHops, peer: Peer, headers: list[Header]) -> None:
    with pytest.raises(Rejected) as caught:
        hops.resolve(peer, "http", headers)
    assert caught.value.code == "request_malformed"


def test_nobody_is_believed_by_default_not_even_loopback() -> None:
    hop = TrustedHops().resolve(Peer(ip_address("127.0.0.1")), "http", _x("1.2.3.4"))
    assert str(hop.client) == "127.0.0.1"
    assert hop.scheme == "http"
    assert hop.forwarded


def test_a_peer_that_is_not_listed_is_not_believed() -> None:
    hop = HOPS.resolve(STRANGER, "http", _x("1.2.3.4", host="evil.example"))
    assert (hop.client, hop.scheme, hop.forwarded) == (STRANGER.address, "http", True)
    assert hop.host is None


@pytest.mark.parametrize("name", ["forwarded", "via", "x-real-ip", "x-forwarded-for", "x-forwarded-proto"])
def test_any_forwarding_header_shows(name: str) -> None:
    for headers, shows in ([(name.encode(), b"x")], True), ([(b"accept", b"x")], False):
        assert TrustedHops().resolve(STRANGER, "http", headers).forwarded is shows
        assert TrustedHops().resolve(STRANGER, "http", headers, index_headers(headers)).forwarded is shows


def test_a_listed_proxy_says_client_scheme_and_host() -> None:
    hop = HOPS.resolve(PROXY, "http", [(b"host", b"inner"), *_x("1.2.3.4", host="api.example:8443")])
    assert (str(hop.client), hop.scheme, hop.host) == ("1.2.3.4", "https", b"api.example:8443")
    assert HOPS.resolve(PROXY, "http", [(b"host", b"inner"), *_x("1.2.3.4")]).host == b"inner"


def test_what_a_stranger_wrote_on_the_left_is_never_looked_at() -> None:
    hop = HOPS.resolve(PROXY, "http", _x("10.0.0.7, ;garbage\x7f, 1.2.3.4, 10.0.0.2"))
    assert str(hop.client) == "1.2.3.4"


def test_lines_are_joined_in_order() -> None:
    headers = [(b"x-forwarded-for", b"9.9.9.9"), (b"x-forwarded-for", b"1.2.3.4"), (b"x-forwarded-proto", b"https")]
    assert str(HOPS.resolve(PROXY, "http", headers).client) == "1.2.3.4"


def test_schemes_that_are_appended_are_counted_from_the_right() -> None:
    assert HOPS.resolve(PROXY, "http", _x("1.2.3.4", "https, http")).scheme == "http"
    assert HOPS.resolve(PROXY, "http", _x("1.2.3.4, 10.0.0.2", "https, http")).scheme == "https"
    _refused(HOPS, PROXY, _x("1.2.3.4, 10.0.0.2, 10.0.0.3", "https, http"))


def test_all_hops_listed_gives_the_leftmost() -> None:
    assert str(HOPS.resolve(PROXY, "http", _x("10.0.0.5, 10.0.0.2")).client) == "10.0.0.5"


@pytest.mark.parametrize("proto", ["HTTPS", "wss"])
def test_spellings_of_https(proto: str) -> None:
    assert HOPS.resolve(PROXY, "http", _x("1.2.3.4", proto)).scheme == "https"


@pytest.mark.parametrize("scheme", ["ws", "http"])
def test_the_sockets_own_scheme(scheme: str) -> None:
    assert TrustedHops().resolve(STRANGER, scheme, []).scheme == "http"
    assert TrustedHops().resolve(STRANGER, "wss", []).scheme == "https"


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"x-forwarded-for", b"1.2.3.4")],
        [(b"x-forwarded-proto", b"https")],
        _x(""),
        _x("unknown"),
        _x("_hidden"),
        _x("1.2.3.4,"),
        _x("1.2.3.4.5"),
        _x("999.1.1.1"),
        _x("fe80::1%eth0"),
        _x("1.2.3.4", "ftp"),
        _x("1.2.3.4", ""),
        _x("1.2.3.4", host=""),
        _x("1.2.3.4", host="a\x01b"),
        _x("1.2.3.4", host="a" * 261),
        [(b"x-forwarded-for", b"\xff"), (b"x-forwarded-proto", b"https")],
        [(b"x-forwarded-for", b"1," * 5_000 + b"1.2.3.4"), (b"x-forwarded-proto", b"https")],
    ],
)
def test_a_listed_proxy_that_does_not_say_is_refused(headers: list[Header]) -> None:
    _refused(HOPS, PROXY, headers)


def test_unix_sockets_are_believed_only_when_listed() -> None:
    assert str(HOPS.resolve(SOCKET, "http", _x("1.2.3.4")).client) == "1.2.3.4"
    assert str(HOPS.resolve(SOCKET, "http", _x("1.2.3.4, unix:")).client) == "1.2.3.4"
    assert TrustedHops(("10.0.0.1",)).resolve(SOCKET, "http", _x("1.2.3.4")).client is None


def test_ipv4_mapped_addresses_are_ipv4() -> None:
    mapped = Peer(ip_address("::ffff:10.0.0.1"))
    assert str(HOPS.resolve(mapped, "http", _x("::ffff:1.2.3.4")).client) == "1.2.3.4"
    assert str(TrustedHops().resolve(mapped, "http", []).client) == "10.0.0.1"
    assert parse_address("::ffff:10.0.0.1") == ip_address("10.0.0.1")
    assert parse_address("fe80::1%eth0") == ip_address("fe80::1")
    assert parse_address("x" * 65) is None
    assert parse_address("localhost") is None


@pytest.mark.parametrize("text", ["1.2.3.4:5678", "[2001:db8::5]:443", "[2001:db8::5]", "2001:db8::5"])
def test_ports_are_dropped(text: str) -> None:
    assert str(HOPS.resolve(PROXY, "http", _x(text)).client) in {"1.2.3.4", "2001:db8::5"}


def test_the_walk_is_bounded() -> None:
    hop = HOPS.resolve(PROXY, "http", _x(", ".join(["1.2.3.4"] + ["10.0.0.2"] * HOPS_MAX)))
    assert str(hop.client) == "10.0.0.2"


def test_forwarded_is_read_from_the_right() -> None:
    value = b'for=6.6.6.6;proto=http, For="[2001:db8::1]:4711";Proto=https;Host="api.example", for=10.0.0.2;proto=http'
    hop = RFC7239.resolve(PROXY, "http", [(b"forwarded", value)])
    assert (str(hop.client), hop.scheme, hop.host) == ("2001:db8::1", "https", b"api.example")


def test_an_open_quote_cannot_swallow_what_the_proxy_appends() -> None:
    lines = [(b"forwarded", b'for=10.0.0.9;proto=https;x="'), (b"forwarded", b'for=1.2.3.4;proto=http;by=""')]
    _refused(RFC7239, PROXY, lines)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "for",
        "for=",
        "for=1.2.3.4",
        "proto=https",
        "for=unknown;proto=https",
        "for=1.2.3.4;for=1.2.3.5;proto=https",
        "for=1.2.3.4;proto=https,",
        "for=1.2.3.4;proto=https;",
        'for="1.2.3.4;proto=https',
        "for = 1.2.3.4;proto=https",
        ",".join(["for=10.0.0.2;proto=https"] * (HOPS_MAX + 1)),
    ],
)
def test_a_malformed_forwarded_is_refused(value: str) -> None:
    _refused(RFC7239, PROXY, [(b"forwarded", value.encode())])


def test_the_header_that_was_not_chosen_is_ignored() -> None:
    _refused(RFC7239, PROXY, _x("1.2.3.4"))
    _refused(HOPS, PROXY, [(b"forwarded", b"for=1.2.3.4;proto=https")])


def test_two_hosts_are_refused() -> None:
    with pytest.raises(Rejected) as caught:
        TrustedHops().resolve(STRANGER, "http", [(b"host", b"a"), (b"host", b"a")])
    assert caught.value.code == "header_repeated"


@pytest.mark.parametrize("entry", ["", "localhost", "10.0.0.1/8", "*", "all"])
def test_an_entry_that_is_no_address_stops_the_start(entry: str) -> None:
    with pytest.raises(Misconfigured):
        TrustedHops((entry,))


def test_a_header_without_a_list_stops_the_start() -> None:
    with pytest.raises(Misconfigured):
        TrustedHops((), "forwarded")


@given(
    st.lists(st.tuples(st.sampled_from([b"forwarded", b"x-forwarded-for", b"x-forwarded-proto"]), st.binary())),
    st.sampled_from([HOPS, RFC7239]),
)
def test_any_bytes_resolve_or_are_refused(headers: list[Header], hops: TrustedHops) -> None:
    try:
        outcome = hops.resolve(PROXY, "http", headers).scheme
    except Rejected as error:
        outcome = error.code
    assert outcome in {"http", "https", "request_malformed"}


CHUNKED = (b"transfer-encoding", b"chunked")


@pytest.mark.parametrize("trailer", [(b"x-forwarded-for", b"10.0.0.77"), (b"x-forwarded-proto", b"https")])
def test_a_trailer_says_nothing_of_the_client(trailer: Header) -> None:
    """What uvicorn hands over of a chunked body with this trailer, which the proxy has passed on."""
    with pytest.raises(Rejected) as caught:
        HOPS.resolve(PROXY, "http", [*_x("203.0.113.9", "http"), CHUNKED, trailer])
    assert caught.value.code == "header_repeated"
    assert HOPS.resolve(PROXY, "http", [*_x("203.0.113.9", "http"), CHUNKED]).scheme == "http"
    assert HOPS.resolve(STRANGER, "http", [*_x("1.2.3.4"), CHUNKED, trailer]).client == STRANGER.address


def test_lines_that_repeat_are_read_where_there_can_be_no_trailer() -> None:
    hop = HOPS.resolve(PROXY, "http", [*_x("1.2.3.4"), (b"x-forwarded-for", b"203.0.113.9")])
    assert str(hop.client) == "203.0.113.9"
