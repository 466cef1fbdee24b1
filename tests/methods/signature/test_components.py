"""The derived components, in a table of cases: what each is for every way a target may be written."""

import pytest
from tests.simulators.signed import message, refused, value


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"/", "/", "?"),
        (b"/?", "/", "?"),
        (b"/path", "/path", "?"),
        (b"/path?param=value&foo=bar&baz=batman", "/path", "?param=value&foo=bar&baz=batman"),
        (b"/a//b", "/a//b", "?"),
        (b"//a", "//a", "?"),
        (b"/a/../b/./c", "/a/../b/./c", "?"),
        (b"/a%2Fb", "/a%2Fb", "?"),
        (b"/a%2fb", "/a%2fb", "?"),
        (b"/%7Euser", "/%7Euser", "?"),
        (b"/~user", "/~user", "?"),
        (b"/a;v=1", "/a;v=1", "?"),
        (b"/a/", "/a/", "?"),
        (b"/a?b?c=/d", "/a", "?b?c=/d"),
        (b"/a?q=a+b%20c", "/a", "?q=a+b%20c"),
        (b"https://api.example", "/", "?"),
        (b"https://api.example?x=1", "/", "?x=1"),
        (b"https://API.example:443/a//b?x=1", "/a//b", "?x=1"),
        (b"HTTPS://api.example/a", "/a", "?"),
    ],
)
def test_path_and_query_are_as_received_except_for_an_empty_path(target: bytes, path: str, query: str) -> None:
    request = message(target=target)
    assert value(request, '"@path"') == path
    assert value(request, '"@query"') == query
    assert value(request, '"@request-target"') == target.decode()


@pytest.mark.parametrize(
    ("authority", "scheme", "normal"),
    [
        (b"api.example", "https", "api.example"),
        (b"API.Example", "https", "api.example"),
        (b"api.example:443", "https", "api.example"),
        (b"api.example:443", "http", "api.example:443"),
        (b"api.example:80", "http", "api.example"),
        (b"api.example:80", "https", "api.example:80"),
        (b"api.example:8443", "https", "api.example:8443"),
        (b"api.example:", "https", "api.example"),
        (b"api.example.", "https", "api.example."),
        (b"[2001:DB8::1]:443", "https", "[2001:db8::1]"),
        (b"[2001:db8::1]:8443", "https", "[2001:db8::1]:8443"),
        (b"192.0.2.1", "https", "192.0.2.1"),
    ],
)
def test_the_authority_is_lower_case_without_a_default_port(authority: bytes, scheme: str, normal: str) -> None:
    assert value(message(authority=authority, scheme=scheme), '"@authority"') == normal


@pytest.mark.parametrize(
    "authority",
    [None, b"", b"user@api.example", b"api.example/x", b"a b", b"a\nb", b"h" * 300, b":443", b"a:b", b"\xc3\xa9"],
)
def test_what_is_no_host_is_no_authority(authority: bytes | None) -> None:
    assert refused(message(authority=authority), '"@authority"')


def test_method_scheme_and_uri_are_as_the_request_has_them() -> None:
    request = message(method="PaTcH", target=b"/a?b=%2F", authority=b"API.example:443")
    assert value(request, '"@method"') == "PaTcH"
    assert value(request, '"@scheme"') == "https"
    assert value(request, '"@target-uri"') == "https://api.example/a?b=%2F"
    absolute = message(target=b"https://API.example/a")
    assert value(absolute, '"@target-uri"') == "https://API.example/a"


@pytest.mark.parametrize("method", ["", "GE T", "GET\n", "GÉT", "G" * 65])
def test_a_method_that_is_no_token_cannot_be_signed(method: str) -> None:
    assert refused(message(method=method), '"@method"')


@pytest.mark.parametrize("component", ['"@authority"', '"@path"', '"@query"', '"@target-uri"'])
@pytest.mark.parametrize(
    "target",
    [b"https://evil.example/orders", b"http://api.example/orders", b"https://u@api.example/", b"ftp://api.example/"],
)
def test_a_target_that_names_another_host_than_the_request_is_refused(component: str, target: bytes) -> None:
    assert refused(message(target=target), component)


@pytest.mark.parametrize("target", [b"", b"*", b"api.example:443", b"orders", b"/a#b", b"/a b", b"/a\tb"])
def test_a_target_without_a_path_or_with_more_than_one_reading_has_none(target: bytes) -> None:
    assert refused(message(target=target), '"@path"')
    assert refused(message(target=target), '"@query"')


@pytest.mark.parametrize(
    ("query", "name", "spelled"),
    [
        (b"param=value", "param", "value"),
        (b"a=1&b=2&c", "c", ""),
        (b"a=1&&b=2", "b", "2"),
        (b"var=this%20is%20a%20big%0Amultiline%20value", "var", "this%20is%20a%20big%0Amultiline%20value"),
        (b"bar=with+plus+whitespace", "bar", "with%20plus%20whitespace"),
        (b"fa%C3%A7ade%22%3A%20=something", "fa%C3%A7ade%22%3A%20", "something"),
        (b"fa%c3%a7ade=x", "fa%C3%A7ade", "x"),
        (b"q=~!'()*", "q", "%7E%21%27%28%29*"),
        (b"q=a=b", "q", "a%3Db"),
        (b"=x", "", "x"),
    ],
)
def test_a_query_parameter_is_decoded_and_spelled_anew(query: bytes, name: str, spelled: str) -> None:
    assert value(message(target=b"/?" + query), f'"@query-param";name="{name}"') == spelled


@pytest.mark.parametrize(
    "query", [b"", b"other=1", b"q=1&q=2", b"q=1&%71=2", b"q=%ff", b"q=1&x=%C3", b"&".join([b"x"] * 300) + b"&q=1"]
)
def test_a_query_parameter_that_is_absent_repeated_or_unclear_is_refused(query: bytes) -> None:
    assert refused(message(target=b"/?" + query), '"@query-param";name="q"')


@pytest.mark.parametrize(
    "component",
    [
        '"@status"',
        '"@signature-params"',
        '"@unknown"',
        '"@METHOD"',
        '"@method";req',
        '"@method";sf',
        '"@query-param"',
        '"@query-param";name=q',
        '"@query-param";name="q";req',
        '"@path";name="q"',
        '"date";req',
        '"date";tr',
        '"date";bs;sf',
        '"date";bs;key="a"',
        '"date";bs=?0',
        '"date";bs=1',
        '"date";sf',
        '"date";key=a',
        '"date";unknown',
        '"priority";sf=?0;key="u"',
        '"Date"',
        '"x_user"',
        '"x user"',
        '""',
        '"d\u0061te:"',
    ],
)
def test_what_requests_do_not_have_cannot_be_covered(component: str) -> None:
    there = message((b"date", b"1"), (b"priority", b"u=1"), (b"x_user", b"a"), (b"x user", b"a"), target=b"/?q=1")
    assert refused(there, component)
