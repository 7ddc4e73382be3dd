"""Compressed bodies: unpacked within a limit."""

import gzip
import tracemalloc
import zlib

import pytest

from workers.body import MEMBERS_MAX, TooLarge, UnknownEncoding, unpack
from workers.oip.datatypes import BadTensor


@pytest.mark.parametrize(
    ("packed", "encoding"),
    [
        (b"abc", ""),
        (b"abc", "identity"),
        (gzip.compress(b"abc"), " GZIP"),
        (gzip.compress(b"a") + gzip.compress(b"") + gzip.compress(b"bc"), "gzip"),
        (zlib.compress(b"abc"), "deflate"),
    ],
)
def test_a_body_is_unpacked(packed: bytes, encoding: str) -> None:
    """What tritonclient and curl send."""
    assert unpack(packed, encoding) == b"abc"


def test_a_bomb_is_refused_before_it_is_unpacked_whole() -> None:
    """A thousandfold packs into little; memory must follow the limit and not the sender."""
    packed = gzip.compress(bytes(2 * 10**7))
    tracemalloc.start()
    with pytest.raises(TooLarge, match="1000 bytes"):
        unpack(packed, "gzip", 1000)
    assert tracemalloc.get_traced_memory()[1] < 10**6
    tracemalloc.stop()
    assert len(unpack(gzip.compress(bytes(1000)), "gzip", 1000)) == 1000


@pytest.mark.parametrize("packed", [b"plain", gzip.compress(b"abc" * 99)[:-9], b""])
def test_a_broken_body_is_the_callers_error(packed: bytes) -> None:
    """No gzip, torn, empty."""
    with pytest.raises(BadTensor):
        unpack(packed, "gzip")


def test_many_small_members_are_bounded_together() -> None:
    """The limit is the body's, not the member's."""
    with pytest.raises(TooLarge):
        unpack(gzip.compress(bytes(600)) * 2, "gzip", 1000)
    assert len(unpack(gzip.compress(bytes(500)) * 2, "gzip", 1000)) == 1000


@pytest.mark.parametrize(
    ("packed", "encoding"),
    [
        (gzip.compress(b"abc") + b"x", "gzip"),
        (zlib.compress(b"abc") * 2, "deflate"),
        (gzip.compress(b"") * (MEMBERS_MAX + 1), "gzip"),
    ],
)
def test_what_follows_the_packed_data_is_refused(packed: bytes, encoding: str) -> None:
    """A labeler and a model that read different things could be led apart."""
    with pytest.raises(BadTensor):
        unpack(packed, encoding)


def test_an_unknown_encoding_is_named() -> None:
    """The caller must see that its compression is the trouble."""
    with pytest.raises(UnknownEncoding, match="br"):
        unpack(b"abc", "br")
