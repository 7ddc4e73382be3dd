"""What a URL may say."""

import pytest

from workers.fetch.errors import Forbidden
from workers.fetch.limits import FetchLimits
from workers.fetch.urls import literal_of, read_url

LIMITS = FetchLimits(hosts=("img.example.com", "*.cdn.example.com", "odd.example.com:8443", "93.184.215.14"))


@pytest.mark.parametrize(
    "text",
    [
        "http://img.example.com/a.jpg",
        "https://IMG.example.com./a.jpg?x=1#y",
        "http://a.b.cdn.example.com/",
        "https://odd.example.com:8443/",
        "http://93.184.215.14/",
    ],
)
def test_a_listed_host_is_taken(text: str) -> None:
    """Names are compared without case, and with the root's dot or without."""
    assert read_url(text, LIMITS).host


@pytest.mark.parametrize(
    "text",
    [
        "http://evil.example.com/",
        "http://cdn.example.com/",  # the bare domain is not below itself
        "http://xcdn.example.com/",
        "http://img.example.com.evil.org/",
        "http://evil.org/img.example.com",
        "http://img.example.com@evil.org/",
        "http://user:secret@img.example.com/",
        "http://img.example.com:22/",
        "http://odd.example.com/",
        "https://odd.example.com:443/",
        "http://127.0.0.1/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "file:///etc/passwd",
        "ftp://img.example.com/",
        "gopher://img.example.com/",
        "//img.example.com/",
        "img.example.com/a.jpg",
        "http://img.example.com\t/",
        "http://img.example.com/ /",
        "http:///a.jpg",
        "http://img.example.com:99999/",
        "http://[::1/",
        "",
        "http://img.example.com/" + "a" * 5000,
    ],
)
def test_every_other_url_is_refused_in_words(text: str) -> None:
    """The allow-list is compared with the very host that would be connected to."""
    with pytest.raises(Forbidden, match=r"\w"):
        read_url(text, LIMITS)


def test_nothing_is_fetched_unless_hosts_are_listed() -> None:
    """Fetching is the operator's choice."""
    with pytest.raises(Forbidden):
        read_url("http://img.example.com/", FetchLimits())


def test_an_address_in_the_place_of_a_name_is_told() -> None:
    """It never goes through a resolver, and so not through the resolver's check."""
    limits = FetchLimits(hosts=("[::1]", "127.0.0.1", "img.example.com"))
    assert literal_of(read_url("http://[::1]/", limits)) == "::1"
    assert literal_of(read_url("http://127.0.0.1/", limits)) == "127.0.0.1"
    assert literal_of(read_url("http://img.example.com/", limits)) == ""
