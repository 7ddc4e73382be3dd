"""A payload decodes what is asked for, once, and says PayloadError to everything malformed."""

import gzip
import zlib

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from labelers import Payload, PayloadError, api, content

BODY = b'{"parameters": {"label": 1125}}'


def coded(coding: bytes, body: bytes) -> Payload:
    return Payload(headers=((b"Content-Encoding", coding),), body=body)


def test_what_is_known_of_the_request_is_there_as_it_came() -> None:
    """Labelers may look at more than JSON."""
    payload = Payload(model="m", version="2", id="r-1", body=b"\x00raw")
    assert (payload.model, payload.version, payload.id, payload.body) == ("m", "2", "r-1", b"\x00raw")


def test_headers_are_found_in_any_case_and_repeated_ones_joined() -> None:
    """HTTP names have no case; RFC 9110 joins repeated fields with commas."""
    payload = Payload(headers=((b"X-Scene", b"ad"), (b"x-scene", b"test"), (b"Name", b"\xe9")))
    assert payload.headers["X-SCENE"] == "ad, test"
    assert payload.headers.get("name") == "é"
    assert payload.headers.get("absent") is None
    assert sorted(payload.headers) == ["name", "x-scene"]
    assert len(payload.headers) == 2


def test_json_is_decoded_once_and_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten labelers must not cost ten decodes; none at all must cost none."""
    decoded: list[bytes] = []

    def counting(data: bytes) -> object:
        decoded.append(data)
        return msgspec.json.decode(data)

    monkeypatch.setattr(api, "_decode", counting)
    payload = Payload(body=BODY)
    assert decoded == []
    assert payload.json["parameters"]["label"] == 1125
    assert payload.json is payload.json
    assert decoded == [BODY]


def test_a_body_that_is_no_json_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A large body of rubbish must not cost a decode for every labeler."""
    payload = Payload(body=b"rubbish")
    with pytest.raises(PayloadError, match="not JSON"):
        _ = payload.json
    monkeypatch.setattr(api, "_decode", None)
    with pytest.raises(PayloadError, match="not JSON"):
        _ = payload.json


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[1]",
        b"null",
        b'"a"',
        b"{",
        b"\xff",
        b'{"a": "\xff"}',
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b"{} {}",
    ],
    ids=range(10),
)
def test_what_is_not_one_json_object_is_a_payload_error(body: bytes) -> None:
    """Too deep, cut short, not UTF-8, not an object: a labeler sees one kind of error."""
    with pytest.raises(PayloadError):
        _ = Payload(body=body).json


def test_an_error_does_not_quote_the_callers_bytes() -> None:
    """Errors are logged; content is the caller's."""
    with pytest.raises(PayloadError) as caught:
        _ = Payload(body=b'{"a": "secret \xff"}').json
    assert "secret" not in str(caught.value)


def test_only_the_json_part_of_a_binary_request_is_decoded() -> None:
    """The bytes after it are tensors, whatever they look like."""
    body = BODY + b"\x00\xff{"
    payload = Payload(headers=((b"inference-header-content-length", b"%d" % len(BODY)),), body=body)
    assert payload.json["parameters"] == {"label": 1125}
    assert bytes(payload.binary) == b"\x00\xff{"


def test_a_raw_input_has_no_json() -> None:
    """Length 0 means that the whole body is one input."""
    payload = Payload(headers=((b"Inference-Header-Content-Length", b"0"),), body=b"\xff\xd8")
    assert payload.json == {}
    assert payload.tensors == {}
    assert bytes(payload.binary) == b"\xff\xd8"


@pytest.mark.parametrize("length", [b"-1", b"+2", b"1e1", b"", b"99", b"9" * 30, "²".encode("latin-1")])
def test_a_json_length_that_makes_no_sense_is_a_payload_error(length: bytes) -> None:
    """Never a slice from the end, never a number of another alphabet."""
    with pytest.raises(PayloadError, match="Inference-Header-Content-Length"):
        _ = Payload(headers=((b"Inference-Header-Content-Length", length),), body=BODY).json


def test_two_different_json_lengths_are_a_payload_error() -> None:
    """The proxy and the model server must not read two requests in one."""
    length = b"Inference-Header-Content-Length"
    with pytest.raises(PayloadError, match="twice"):
        _ = Payload(headers=((length, b"2"), (length, b"3")), body=b"{} ").json


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        (b"gzip", gzip.compress(BODY)),
        (b"X-GZIP", gzip.compress(BODY)),
        (b"deflate", zlib.compress(BODY)),
        (b"identity", BODY),
        (b"identity, gzip", gzip.compress(BODY)),
        (b"gzip", gzip.compress(BODY[:9]) + gzip.compress(BODY[9:])),
    ],
)
def test_compressed_bodies_are_inflated(coding: bytes, body: bytes) -> None:
    """Triton's client compresses on wish; a gzip body may have several members."""
    assert coded(coding, body).json["parameters"] == {"label": 1125}


def test_the_json_length_of_a_compressed_body_counts_inflated_bytes() -> None:
    """So does Triton's client count."""
    headers = ((b"Content-Encoding", b"gzip"), (b"Inference-Header-Content-Length", b"%d" % len(BODY)))
    payload = Payload(headers=headers, body=gzip.compress(BODY + b"\x01\x02"))
    assert payload.json["parameters"] == {"label": 1125}
    assert bytes(payload.binary) == b"\x01\x02"


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        (b"br", BODY),
        (b"gzip, deflate", BODY),
        (b"gzip", BODY),
        (b"gzip", b""),
        (b"gzip", gzip.compress(BODY)[:-9]),
        (b"deflate", zlib.compress(BODY)[:-1]),
        (b"gzip", gzip.compress(BODY) + b"tail"),
    ],
)
def test_damaged_and_unknown_codings_are_payload_errors(coding: bytes, body: bytes) -> None:
    """Half a body must not be read as a whole one."""
    with pytest.raises(PayloadError):
        _ = coded(coding, body).json


def test_a_bomb_is_given_up_at_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few kilobytes can inflate to gigabytes."""
    monkeypatch.setattr(content, "INFLATED_BYTES_MAX", 1_000_000)
    with pytest.raises(PayloadError, match="inflates to more"):
        _ = coded(b"gzip", gzip.compress(b" " * 3_000_000)).json
    assert coded(b"gzip", gzip.compress(b"{}" + b" " * 900_000)).json == {}


@given(
    body=st.binary(max_size=200) | st.text(alphabet='{}[]":,0123456789eE.-\\u ', max_size=60).map(str.encode),
    coding=st.sampled_from([None, b"gzip", b"deflate"]),
    length=st.none() | st.integers(0, 250).map(lambda n: b"%d" % n) | st.binary(max_size=3),
    packed=st.booleans(),
)
@example(body=b'{"inputs": [{}]}', coding=None, length=None, packed=False)
def test_whatever_the_body_only_a_payload_error_is_raised(
    body: bytes, coding: bytes | None, length: bytes | None, packed: bool
) -> None:
    """Labelers need one except clause."""
    headers: list[tuple[bytes, bytes]] = []
    if coding is not None:
        headers.append((b"Content-Encoding", coding))
        if packed:
            body = gzip.compress(body) if coding == b"gzip" else zlib.compress(body)
    if length is not None:
        headers.append((b"Inference-Header-Content-Length", length))
    payload = Payload(headers=tuple(headers), body=body)
    for read in (lambda: payload.json, lambda: payload.binary, lambda: payload.tensors):
        try:
            value = read()
        except PayloadError:
            continue
        assert isinstance(value, dict | memoryview)
