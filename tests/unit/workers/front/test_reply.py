"""Answers as bytes, and errors as answers."""

import inspect
import json

import pytest

from workers import errors
from workers.body import TooLarge, UnknownEncoding
from workers.errors import BadRepository, WorkerError
from workers.fetch import errors as fetching
from workers.front.inference import TOLD, reply_to
from workers.front.reply import JSON, Reply, coding_for, encode_head, refusal_of
from workers.oip.datatypes import BadTensor

ALL = [
    each
    for module in (errors, fetching)
    for _, each in inspect.getmembers(module, inspect.isclass)
    if issubclass(each, WorkerError) and each is not BadRepository
] + [BadTensor, TooLarge, UnknownEncoding]


@pytest.mark.parametrize("kind", ALL)
def test_every_error_has_an_answer_in_words(kind: type[Exception]) -> None:
    """One that had none would leave its caller without any answer; a kind of another answers as that does."""
    sub = type("Sub", (kind,), {})
    for error in (kind("words"), sub("words")):
        reply = refusal_of(error)
        assert 400 <= reply.status < 600
        assert json.loads(reply.body) == {"error": "words"}
        assert isinstance(error, TOLD)
    assert refusal_of(sub("words")).status == refusal_of(kind("words")).status


@pytest.mark.parametrize(
    ("kind", "status", "retried"),
    [
        (errors.Overloaded, 503, True),
        (errors.NotReady, 503, True),
        (errors.Expired, 503, False),
        (errors.ModelFailed, 500, False),
        (errors.TooBig, 413, False),
        (fetching.Forbidden, 400, False),
        (fetching.Unfetched, 502, False),
    ],
)
def test_overload_is_never_500(kind: type[Exception], status: int, retried: bool) -> None:
    """Some clients retry that at once; and only what may be well soon says when to come again."""
    reply = refusal_of(kind("words"))
    assert (reply.status, b"Retry-After" in reply.fields) == (status, retried)


def test_a_bug_is_answered_without_its_words(caplog: pytest.LogCaptureFixture) -> None:
    """They are for the log, which has them."""
    reply = reply_to(ZeroDivisionError("secret"))
    assert reply.status == 500
    assert b"secret" not in reply.body
    assert "secret" in caplog.text


def test_a_head_has_what_a_reader_needs() -> None:
    """And nothing that was not asked for."""
    reply = Reply(body=b"{}", fields=b"A: 1\r\n")
    assert encode_head(reply, b"r", b"Date: D\r\n", keep_alive=True) == (
        b"HTTP/1.1 200 OK\r\nDate: D\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
        b"X-Request-Id: r\r\nA: 1\r\n\r\n"
    )
    assert encode_head(Reply(), b"", b"", keep_alive=False).endswith(
        b"Content-Length: 0\r\nConnection: close\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("accepted", "reply", "coding"),
    [
        (b"gzip", Reply(body=b"x" * 100), b"gzip"),
        (b"gzip", Reply(body=b"x" * 99), b""),
        (b"gzip", Reply(body=b"x" * 100, status=400), b""),
        (b"", Reply(body=b"x" * 100), b""),
        (b"deflate, gzip", Reply(body=b"x" * 100), b"deflate"),
        (b"gzip;q=0, deflate", Reply(body=b"x" * 100), b"deflate"),
        (b"deflate, gzip", Reply(body=b"x" * 100, kind=b"application/octet-stream"), b""),
    ],
)
def test_compression_is_for_who_gains_by_it(accepted: bytes, reply: Reply, coding: bytes) -> None:
    """Small answers, errors, and tensors that nobody asked to be shrunk stay as they are."""
    assert reply.kind != JSON or coding_for(b"", reply, 0) == b""
    assert coding_for(accepted, reply, 100) == coding
