"""The Triton server itself: what Penstock is compared with must answer as we believe it does."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator

import numpy as np
import pytest
from tritonclient import http as triton_http

pytestmark = pytest.mark.triton


@pytest.fixture
def client(triton_server) -> Iterator[triton_http.InferenceServerClient]:
    with triton_http.InferenceServerClient(triton_server.http) as client:
        yield client


def _round_trip(client, model: str, datatype: str, values: np.ndarray, *, binary: bool) -> np.ndarray:
    tensor = triton_http.InferInput("INPUT", list(values.shape), datatype)
    tensor.set_data_from_numpy(values, binary_data=binary)
    output = triton_http.InferRequestedOutput("OUTPUT", binary_data=binary)
    return client.infer(model, [tensor], outputs=[output]).as_numpy("OUTPUT")


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize(
    ("model", "datatype", "dtype"),
    [
        ("identity_fp32", "FP32", np.float32),
        ("identity_int32", "INT32", np.int32),
    ],
)
def test_numbers_come_back_as_they_went(client, model, datatype, dtype, binary) -> None:
    """Both encodings of the protocol: JSON, and binary after the JSON."""
    values = np.arange(-6, 6).reshape(3, 4).astype(dtype)
    answer = _round_trip(client, model, datatype, values, binary=binary)
    assert answer.dtype == dtype
    assert np.array_equal(answer, values)


def test_half_precision_comes_back_bit_for_bit(client) -> None:
    """FP16 has no JSON form: it can travel as binary alone."""
    values = np.array([[0.1, -65504.0, 6e-8, np.inf]], dtype=np.float16)
    answer = _round_trip(client, "identity_fp16", "FP16", values, binary=True)
    assert answer.tobytes() == values.tobytes()


def test_bytes_with_nul_come_back_as_they_went(client) -> None:
    """An image has NUL bytes, also at its end, where numpy's own byte strings lose them."""
    values = np.array([[b"\x00\xff middle \x00 end\x00", b""]], dtype=np.object_)
    answer = _round_trip(client, "identity_bytes", "BYTES", values, binary=True)
    assert answer.tolist() == values.tolist()


def test_a_plain_json_request_is_answered_in_json_with_its_id(triton_server) -> None:
    """What curl sends: no client library, no binary part."""
    body = {
        "id": "seven",
        "inputs": [
            {"name": "A", "shape": [2], "datatype": "INT32", "data": [5, 7]},
            {"name": "B", "shape": [2], "datatype": "INT32", "data": [2, 9]},
        ],
    }
    url = f"http://{triton_server.http}/v2/models/add_sub/infer"
    with urllib.request.urlopen(url, json.dumps(body).encode()) as response:
        answer = json.load(response)
    outputs = {output["name"]: output["data"] for output in answer["outputs"]}
    assert answer["id"] == "seven"
    assert outputs == {"SUM": [7, 16], "DIFFERENCE": [3, -2]}


def test_an_unknown_model_is_refused_with_an_error_in_json(triton_server) -> None:
    """Errors have the form that the proxy passes on and makes itself."""
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(f"http://{triton_server.http}/v2/models/nobody")
    with refusal.value as response:
        assert response.status in (400, 404)
        assert "error" in json.load(response)
