"""HTTP/1.1 by hand: what is written byte by byte, and what comes back."""

import gzip
import json
import socket
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

BODY = b'{"inputs":[{"name":"INPUT0","shape":[1],"datatype":"FP32","data":[%s]}]}'
ROUND_S_MAX = 30


class Wire:
    """A connection that is written to and read from as bytes."""

    def __init__(self, address: str) -> None:
        host, port = address.split(":")
        self.socket = socket.create_connection((host, int(port)), ROUND_S_MAX)
        self.held = b""

    def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.socket.sendall(piece)

    def answer(self) -> tuple[int, dict[str, str], bytes]:
        """The next answer: status, fields in lower case, body."""
        head = self._until(b"\r\n\r\n").decode()
        line, *fields = head.strip().split("\r\n")
        found = {key.lower(): value for key, _, value in (field.partition(": ") for field in fields)}
        status = int(line.split()[1])
        return status, found, self._take(0 if status == 100 else int(found["content-length"]))

    def value(self) -> float:
        """The one number of the next answer."""
        status, _, body = self.answer()
        assert status == 200, body
        return float(json.loads(body)["outputs"][0]["data"][0])

    def closed(self) -> bool:
        """Whether the other side has nothing more to say."""
        return self.held == b"" and self.socket.recv(1) == b""

    def _until(self, mark: bytes) -> bytes:
        while mark not in self.held:
            self._more()
        head, _, self.held = self.held.partition(mark)
        return head

    def _take(self, count: int) -> bytes:
        while len(self.held) < count:
            self._more()
        taken, self.held = self.held[:count], self.held[count:]
        return taken

    def _more(self) -> None:
        data = self.socket.recv(65536)
        assert data, f"closed in the middle of {self.held!r}"
        self.held += data


@pytest.fixture
def connect() -> Iterator[Callable[[str], Wire]]:
    """Opens connections that end with the test."""
    opened: list[Wire] = []

    def begin(address: str) -> Wire:
        opened.append(Wire(address))
        return opened[-1]

    yield begin
    for wire in opened:
        wire.socket.close()


@pytest.fixture
def wire(light: Any, connect: Callable[[str], Wire]) -> Wire:
    return connect(light.address)


def request(body: bytes = BODY % b"1", *fields: bytes, path: bytes = b"/v2/models/identity/infer") -> bytes:
    head = [b"POST %b HTTP/1.1" % path, b"Host: h", b"Content-Length: %d" % len(body), *fields]
    return b"\r\n".join((*head, b"", body))


def get(path: bytes, method: bytes = b"GET") -> bytes:
    return b"%b %b HTTP/1.1\r\nHost: h\r\n\r\n" % (method, path)


def test_a_connection_is_kept_for_the_next_request(wire: Wire) -> None:
    """A new one for each would cost more than the request."""
    for number in range(3):
        wire.send(request(BODY % b"%d" % number))
        assert wire.value() == number


def test_requests_sent_ahead_are_answered_in_their_order(wire: Wire) -> None:
    """Slow before fast: the second waits for the first."""
    slow = b'{"parameters":{"delay_ms":50},' + (BODY % b"0")[1:]
    wire.send(request(slow) + b"".join(request(BODY % b"%d" % number) for number in range(1, 50)))
    assert [wire.value() for _ in range(50)] == list(range(50))


def test_a_request_may_come_byte_by_byte(wire: Wire) -> None:
    """Networks cut where they like."""
    wire.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    wire.send(*(bytes([byte]) for byte in request(BODY % b"7")))
    assert wire.value() == 7


def test_a_chunked_body_is_taken(wire: Wire) -> None:
    """Clients that stream do not know the length."""
    body = BODY % b"5"
    head = b"POST /v2/models/identity/infer HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunks = b"".join(
        b"%x\r\n%b\r\n" % (len(body[at : at + 7]), body[at : at + 7]) for at in range(0, len(body), 7)
    )
    wire.send(head, chunks, b"0\r\n\r\n", request(BODY % b"6"))
    assert [wire.value(), wire.value()] == [5, 6]


def test_who_expects_to_continue_is_told_to(wire: Wire) -> None:
    """curl waits a second for it with each large picture."""
    whole = request(BODY % b"3", b"Expect: 100-continue")
    head, _, body = whole.partition(b"\r\n\r\n")
    wire.send(head + b"\r\n\r\n")
    assert wire.answer()[0] == 100
    wire.send(body)
    assert wire.value() == 3


def test_who_expects_to_continue_with_too_much_is_refused_instead(wire: Wire) -> None:
    """So that the body never travels."""
    wire.send(b"POST /v2/models/identity/infer HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n")
    wire.send(b"Content-Length: 99999999999\r\n\r\n")
    status, fields, _ = wire.answer()
    assert (status, fields["connection"]) == (413, "close")
    assert wire.closed()


def test_to_continue_is_not_said_before_the_answer_that_comes_first(wire: Wire) -> None:
    """It would be taken for the answer to the request before."""
    second = request(BODY % b"2", b"Expect: 100-continue")
    head, _, body = second.partition(b"\r\n\r\n")
    wire.send(request(b'{"parameters":{"delay_ms":30},' + (BODY % b"1")[1:]) + head + b"\r\n\r\n")
    assert wire.value() == 1
    assert wire.answer()[0] == 100
    wire.send(body)
    assert wire.value() == 2


@pytest.mark.parametrize(
    "field",
    [b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings", b"Upgrade: websocket\r\nConnection: Upgrade"],
)
def test_an_offer_to_upgrade_is_not_taken_and_hurts_nothing(wire: Wire, field: bytes) -> None:
    """Java's client offers HTTP/2 with its first request, body and all."""
    wire.send(request(BODY % b"8", field) + request(BODY % b"9"))
    assert [wire.value(), wire.value()] == [8, 9]


@pytest.mark.parametrize(
    ("given", "status", "words"),
    [
        (b"nonsense\r\n\r\n", 400, "not an HTTP request"),
        (b"GET /v2 HTTP/1.1\r\nHost: h\r\nA b: c\r\n\r\n", 400, "not an HTTP request"),
        (
            b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
            "not an HTTP",
        ),
        (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400, "not an HTTP"),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400, "not an HTTP"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400, "not an HTTP"),
        (b"GET /%b HTTP/1.1\r\nHost: h\r\n\r\n" % (b"a" * 9000), 414, "target"),
        (b"GET /v2 HTTP/1.1\r\nA: %b\r\n\r\n" % (b"a" * 40_000), 431, "head"),
        (b"GET /v2 HTTP/1.1\r\n%b\r\n" % (b"A: b\r\n" * 101), 431, "fields"),
        (b"GET /v2 HTTP/1.1\r\nA: " + b"a" * 50_000, 431, "head"),
    ],
)
def test_what_cannot_be_read_is_refused_in_words_and_the_connection_closed(
    wire: Wire, given: bytes, status: int, words: str
) -> None:
    """Where the next message begins is unclear then."""
    wire.send(given)
    found, fields, body = wire.answer()
    assert (found, fields["connection"]) == (status, "close")
    assert words in json.loads(body)["error"]
    assert wire.closed()


def test_a_good_request_is_answered_before_a_bad_one_behind_it(wire: Wire) -> None:
    """In order, and then closed."""
    wire.send(request(BODY % b"1") + b"nonsense\r\n\r\n")
    assert wire.value() == 1
    assert wire.answer()[0] == 400
    assert wire.closed()


def test_a_chunked_body_over_the_limit_is_cut_off(wire: Wire) -> None:
    """No length is told: what arrives counts."""
    wire.send(b"POST /v2/models/identity/infer HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
    piece = b"100000\r\n" + bytes(2**20) + b"\r\n"
    wire.send(*[piece] * 66)
    status, _, body = wire.answer()
    assert status == 413
    assert "exceeded" in json.loads(body)["error"]


def test_close_is_honoured_and_the_old_protocol_too(light: Any, connect: Callable[[str], Wire]) -> None:
    """Both wait for the end of the connection."""
    for given in (
        request(BODY % b"1", b"Connection: close"),
        request(BODY % b"1").replace(b"HTTP/1.1", b"HTTP/1.0"),
    ):
        wire = connect(light.address)
        wire.send(given)
        _, fields, _ = wire.answer()
        assert fields["connection"] == "close"
        assert wire.closed()


def test_head_is_answered_without_a_body(wire: Wire) -> None:
    """The length is that of the body that GET would have."""
    wire.send(get(b"/v2", b"HEAD"))
    head = wire._until(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK")
    assert b"Content-Length: 0" not in head
    wire.send(get(b"/v2/health/live"))
    assert wire.answer()[0] == 200


@pytest.mark.parametrize(
    ("given", "status", "allowed"),
    [
        (get(b"/v2/models/identity/infer"), 405, "POST"),
        (get(b"/v2/health/live", b"DELETE"), 405, "GET, HEAD"),
        (get(b"/v2/repository/index"), 405, "POST"),
        (get(b"/v2/models/identity/nothing"), 404, None),
        (get(b"/v2/models//infer"), 404, None),
        (get(b"/v2/models/identity?x=1"), 200, None),
        (get(b"/v2/models/ident%69ty"), 200, None),
    ],
)
def test_a_path_has_its_methods(wire: Wire, given: bytes, status: int, allowed: str | None) -> None:
    """A query is left aside, and an encoded name is the name."""
    wire.send(given)
    found, fields, _ = wire.answer()
    assert (found, fields.get("allow")) == (status, allowed)


LONG = b",".join([b"1.5"] * 1000)


def many(*fields: bytes) -> bytes:
    body = b'{"inputs":[{"name":"INPUT0","shape":[1000],"datatype":"FP32","data":[%b]}]}' % LONG
    return request(body, *fields)


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        (b"gzip", "gzip"),
        (b"deflate", "deflate"),
        (b"br;q=1, gzip;q=0.5", "gzip"),
        (b"gzip;q=0", None),
        (b"br", None),
        (b"identity", None),
    ],
)
def test_an_answer_is_compressed_for_who_takes_it(wire: Wire, accepted: bytes, coding: str | None) -> None:
    """JSON shrinks to a tenth."""
    wire.send(many(b"Accept-Encoding: " + accepted))
    status, fields, body = wire.answer()
    assert (status, fields.get("content-encoding")) == (200, coding)
    plain = {"gzip": gzip.decompress, "deflate": zlib.decompress}.get(coding or "", bytes)(body)
    assert json.loads(plain)["outputs"][0]["data"] == [1.5] * 1000
    assert (len(body) < len(plain) / 5) == bool(coding)


def test_tensors_are_compressed_for_who_asks_for_nothing_else(wire: Wire) -> None:
    """Most libraries accept compression of themselves; tensors would only cost time for it."""
    binary = b'{"parameters":{"binary_data_output":true},' + many().partition(b"\r\n\r\n")[2][1:]
    wire.send(request(binary, b"Accept-Encoding: gzip, deflate") + request(binary, b"Accept-Encoding: gzip"))
    assert [wire.answer()[1].get("content-encoding") for _ in range(2)] == [None, "gzip"]


TENSOR = {"name": "INPUT0", "shape": [2], "datatype": "FP32", "data": [1, 2]}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"shape": [3]}, "holds 2 values"),
        ({"shape": [-2]}, "negative"),
        ({"shape": [-1, -2]}, "negative"),
        ({"shape": [2**40, 2**40]}, "elements"),
        ({"shape": [0, 2**62]}, "elements"),
        ({"shape": [2**70]}, "elements"),
        ({"shape": [1] * 40}, "dimensions"),
        ({"shape": "2"}, "not valid"),
        ({"shape": [1, 2], "data": [[1, 2], [3, 4]]}, "does not have the shape"),
        ({"shape": [2, 1], "data": [[1], 2]}, "unevenly"),
        ({"shape": [1, 1], "data": [[[1]]]}, "deeper"),
        ({"data": [1, None]}, "null"),
        ({"data": [1, True]}, "bool"),
        ({"data": [1, "2"]}, "str"),
        ({"data": [1, 1e39]}, "out of the range"),
        ({"datatype": "INT8", "data": [1, 128]}, "out of the range"),
        ({"datatype": "UINT8", "data": [1, -1]}, "out of the range"),
        ({"datatype": "INT32", "data": [1, 1.5]}, "float"),
        ({"datatype": "BF16"}, "binary data only"),
        ({"datatype": "BYTES", "data": ["a", 1]}, "strings"),
        ({"datatype": "fp32"}, "unknown datatype"),
        ({"data": None}, "not valid"),
        ({"parameters": {"binary_data_size": 8}}, "both data and"),
        ({"parameters": {"shared_memory_region": "r"}}, "shared memory is not offered"),
    ],
)
def test_a_tensor_that_makes_no_sense_is_refused_in_words(
    wire: Wire, change: dict[str, Any], words: str
) -> None:
    """400 each time, and the connection serves the next request."""
    wire.send(request(json.dumps({"inputs": [{**TENSOR, **change}]}).encode()) + request())
    status, _, body = wire.answer()
    assert status == 400
    assert words in json.loads(body)["error"]
    assert wire.value() == 1


@pytest.mark.parametrize(
    ("length", "body", "words"),
    [
        (b"-1", b"{}", "whole number"),
        (b"99999999999999999999", b"{}", "whole number"),
        (b"3", b"{}", "has 2 bytes"),
        (b"0", b"abc", "exactly one input"),
        (b"2", b"{}xx", "not valid"),
    ],
)
def test_a_length_of_the_json_that_cannot_be_is_refused(
    wire: Wire, length: bytes, body: bytes, words: str
) -> None:
    """It says where tensors begin."""
    wire.send(request(body, b"Inference-Header-Content-Length: " + length))
    status, _, said = wire.answer()
    assert status == 400
    assert words in json.loads(said)["error"]


@pytest.mark.parametrize(("timeout", "status"), [(b"1", 503), (b"60000000", 200), (b"0", 200), (b"-1", 400)])
def test_the_protocols_own_timeout_counts_in_microseconds(wire: Wire, timeout: bytes, status: int) -> None:
    """Clients of Triton send it."""
    wire.send(request(b'{"parameters":{"delay_ms":5,"timeout":%b},' % timeout + (BODY % b"1")[1:]))
    assert wire.answer()[0] == status


def test_an_id_is_echoed_but_not_one_without_end(wire: Wire) -> None:
    """It goes into logs."""
    wire.send(
        request(BODY % b"1", b"X-Request-Id: r-1") + request(BODY % b"1", b"X-Request-Id: " + b"r" * 300)
    )
    assert [wire.answer()[1].get("x-request-id") for _ in range(2)] == ["r-1", None]


def test_a_caller_that_leaves_frees_its_place(
    start: Callable[..., Any], connect: Callable[[str], Wire], gate: Any
) -> None:
    """One runs, one waits, and none has a place; when the one that waits leaves, another has."""
    started = start(str(gate.folder))

    def begin(name: str) -> Wire:
        wire = connect(started.address)
        body = b'{"parameters":{"as":"%b"},' % name.encode() + (BODY % b"1")[1:]
        wire.send(request(body, path=b"/v2/models/gate/infer"))
        return wire

    first = begin("first")
    gate.wait_entered("first")
    second = begin("second")
    began = time.monotonic()
    while (full := begin("full")).socket and not _answered(full):  # until `second` has its place
        assert time.monotonic() - began < ROUND_S_MAX
        full.socket.close()
    second.socket.close()
    while _answered(third := begin("third")):
        assert time.monotonic() - began < ROUND_S_MAX
    gate.open()
    assert first.value() == third.value() == 1
    assert gate.entered() == ["first", "third"]


def _answered(wire: Wire) -> bool:
    """Whether it is refused while nothing is let through."""
    wire.socket.settimeout(0.5)
    try:
        return wire.answer()[0] == 503
    except TimeoutError:
        return False
    finally:
        wire.socket.settimeout(ROUND_S_MAX)


def test_the_repository_is_told_and_its_models_described(wire: Wire) -> None:
    """Configuration, statistics of one and of all, and the index of those that are ready."""
    wire.send(
        get(b"/v2/models/simple/config"),
        get(b"/v2/models/simple/versions/1/stats"),
        get(b"/v2/models/stats"),
        request(b'{"ready":true}', path=b"/v2/repository/index"),
        get(b"/v2/models/none/stats"),
    )
    config, one, all_of_them, index, none = (wire.answer() for _ in range(5))
    assert json.loads(config[2])["input"][0] == {"name": "INPUT0", "data_type": "TYPE_INT32", "dims": [16]}
    assert [each["name"] for each in json.loads(one[2])["model_stats"]] == ["simple"]
    assert {each["name"] for each in json.loads(all_of_them[2])["model_stats"]} == {"simple", "identity"}
    assert {each["state"] for each in json.loads(index[2])} == {"READY"}
    assert none[0] == 404


def test_a_model_is_unloaded_and_loaded_again(
    start: Callable[..., Any], connect: Callable[[str], Wire]
) -> None:
    """By Triton's endpoints; what is not there is said in Triton's words."""
    started = start("tests/models")
    wire = connect(started.address)

    def post(what: bytes, body: bytes = b"") -> tuple[int, bytes]:
        wire.send(request(body, path=b"/v2/repository/models/" + what))
        status, _, said = wire.answer()
        return status, said

    assert post(b"identity/unload")[0] == 200
    wire.send(request())
    assert wire.answer()[0] == 404
    assert post(b"identity/load")[0] == 200
    wire.send(request())
    assert wire.value() == 1
    for what, body, words in (
        (b"none/load", b"", b"failed to load 'none', failed to poll"),
        (b"identity/load", b'{"parameters":{"config":"{{"}}', b"failed to load 'identity'"),
        (b"identity/load", b'{"parameters":{"config":"{\\"max_batch_size\\":0}"}}', b"max_batch_size"),
        (b"identity/load", b'{"parameters":{"config":"{\\"backend\\":\\"x\\"}"}}', b"cannot be overridden"),
        (b"identity/load", b'{"parameters":{"file:1/model.py":"x"}}', b"files are not taken"),
        (b"none/unload", b"", b"none"),
        (b"identity/load", b"[", b"not valid"),
    ):
        status, said = post(what, body)
        assert (status, words in said) == (400, True), said
