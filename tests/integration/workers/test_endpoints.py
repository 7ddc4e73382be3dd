"""What the front's paths answer: methods, tensors, compression, the repository."""

import gzip
import json
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.workers.wire import BODY, Wire, get, request


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
        ({"parameters": {"shared_memory_region": "r"}}, "shared_memory_byte_size must be a whole number"),
        ({"parameters": {"shared_memory_region": "r", "shared_memory_byte_size": 8}}, "one of them"),
        ({"parameters": {"shared_memory_region": "", "shared_memory_byte_size": 8}}, "the name of a region"),
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
