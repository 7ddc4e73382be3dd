"""A worker over HTTP, asked by the client that most people use and by hand."""

import gzip
import json
from typing import Any

import httpx
import ml_dtypes
import numpy as np
import pytest
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException

BYTES = np.array([b"a\0b\0", b"", "\u4f60\u597d".encode(), b"\xff\xfe"], object)


@pytest.fixture
def client(light: Any) -> Any:
    with InferenceServerClient(light.address, network_timeout=30, connection_timeout=30) as opened:
        yield opened


@pytest.fixture
def http(light: Any) -> Any:
    with httpx.Client(base_url=f"http://{light.address}", timeout=30) as opened:
        yield opened


def tensor(name: str, array: np.ndarray, datatype: str, *, binary: bool = True) -> InferInput:
    made = InferInput(name, list(array.shape), datatype)
    made.set_data_from_numpy(array, binary_data=binary)
    return made


def one(**more: object) -> dict[str, Any]:
    return {"inputs": [{"name": "INPUT0", "shape": [1], "datatype": "FP32", "data": [1.5]}], **more}


@pytest.mark.parametrize("binary", [True, False])
def test_the_client_gets_sums_in_both_forms(client: Any, binary: bool) -> None:
    """Two inputs, two outputs, a request id."""
    a = np.arange(32, dtype=np.int32).reshape(2, 16)
    outputs = [InferRequestedOutput(name, binary_data=binary) for name in ("OUTPUT1", "OUTPUT0")]
    result = client.infer(
        "simple",
        [tensor("INPUT0", a, "INT32", binary=binary), tensor("INPUT1", a + 1, "INT32", binary=binary)],
        outputs=outputs,
        request_id="seven",
    )
    assert result.get_response()["id"] == "seven"
    assert (result.as_numpy("OUTPUT0") == a + a + 1).all()
    assert (result.as_numpy("OUTPUT1") == -1).all()


@pytest.mark.parametrize(
    ("array", "datatype"),
    [
        (BYTES, "BYTES"),
        (np.array([1.5, -2, np.inf], np.float16), "FP16"),
        (np.array([1.5, -2], ml_dtypes.bfloat16), "BF16"),
        (np.array([[True], [False]]), "BOOL"),
        (np.array([], np.float64), "FP64"),
        (np.arange(300_000, dtype=np.uint64), "UINT64"),  # large: coded in a thread
    ],
)
@pytest.mark.parametrize("compression", [None, "gzip", "deflate"])
def test_the_client_gets_back_what_it_sent(
    client: Any, array: np.ndarray, datatype: str, compression: str | None
) -> None:
    """Every bit, NULs included, compressed or not."""
    result = client.infer(
        "identity", [tensor("INPUT0", array, datatype)], request_compression_algorithm=compression
    )
    back = result.as_numpy("OUTPUT0")
    assert back.shape == array.shape
    assert back.tolist() == array.tolist()


def test_the_client_finds_everything_ready_and_described(client: Any) -> None:
    """Probes, metadata and the index."""
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("simple", "1")
    assert not client.is_model_ready("simple", "2")
    assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
    described = client.get_model_metadata("simple", "1")
    assert described["versions"] == ["1"]
    assert described["inputs"][0] == {"name": "INPUT0", "datatype": "INT32", "shape": [-1, 16]}
    assert {entry["name"]: entry["state"] for entry in client.get_model_repository_index()} == {
        "identity": "READY",
        "simple": "READY",
    }


def test_the_client_shows_our_words_for_its_mistake(client: Any) -> None:
    """The message is the help."""
    with pytest.raises(InferenceServerException, match="the model takes INT32") as caught:
        client.infer("simple", [tensor(n, np.zeros((1, 16)), "FP64") for n in ("INPUT0", "INPUT1")])
    assert caught.value.status() == "400"


@pytest.mark.parametrize(
    ("path", "content", "headers", "status", "part"),
    [
        ("identity", b"{", {}, 400, "not valid"),
        ("identity", b"", {}, 400, "not valid"),
        (
            "identity",
            json.dumps(one()).encode(),
            {"Inference-Header-Content-Length": "x"},
            400,
            "whole number",
        ),
        ("identity", json.dumps(one()).encode(), {"Inference-Header-Content-Length": "9999"}, 400, "9999"),
        ("identity", json.dumps(one()).encode(), {"Penstock-Deadline-Ms": "soon"}, 400, "milliseconds"),
        ("identity", json.dumps(one()).encode(), {"Penstock-Deadline-Ms": "0"}, 503, "deadline"),
        ("identity", b"plain", {"Content-Encoding": "gzip"}, 400, "not gzip"),
        ("identity", b"x", {"Content-Encoding": "br"}, 415, "br"),
        ("identity", gzip.compress(bytes(70 * 2**20)), {"Content-Encoding": "gzip"}, 413, "limit"),
        ("identity", bytes(65 * 2**20), {}, 413, "exceeded"),
        ("none", json.dumps(one()).encode(), {}, 404, "no model 'none'"),
        ("identity/versions/2", json.dumps(one()).encode(), {}, 404, "version 2"),
        ("identity", json.dumps(one(parameters={"fail": True})).encode(), {}, 500, "asked to fail"),
    ],
)
def test_every_error_is_json_and_echoes_the_id(
    http: httpx.Client, path: str, content: bytes, headers: dict[str, str], status: int, part: str
) -> None:
    """Whoever reads a log must find the request by its id, whatever went wrong with it."""
    answer = http.post(f"/v2/models/{path}/infer", content=content, headers={"X-Request-Id": "r1", **headers})
    assert answer.status_code == status
    assert part in answer.json()["error"]
    assert answer.headers["X-Request-Id"] == "r1"


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/v3", 404), ("DELETE", "/v2", 405)])
def test_what_no_route_takes_is_json_too(http: httpx.Client, method: str, path: str, status: int) -> None:
    """Errors have one form, always."""
    answer = http.request(method, path)
    assert answer.status_code == status
    assert set(answer.json()) == {"error"}


def test_a_model_that_failed_often_is_not_ready_until_it_proves_itself(http: httpx.Client) -> None:
    """The readiness probe sends the sample itself; here it goes through, so the model is ready again."""
    for _ in range(3):
        assert http.post("/v2/models/identity/infer", json=one(parameters={"fail": True})).status_code == 500
    assert http.get("/v2/health/ready").status_code == 200
    assert http.get("/v2/models/identity/ready").status_code == 200


def test_a_body_without_a_content_type_is_taken(http: httpx.Client) -> None:
    """The protocol asks for none."""
    answer = http.post("/v2/models/identity/versions/1/infer", content=json.dumps(one()).encode())
    assert answer.json()["outputs"][0] == {"name": "OUTPUT0", "datatype": "FP32", "shape": [1], "data": [1.5]}
    assert "id" not in answer.json()
