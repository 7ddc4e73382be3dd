"""An unmodified tritonclient through the proxy: to a worker of ours and to a real Triton server."""

import contextlib
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tritonclient import http as triton_http
from tritonclient.utils import InferenceServerException

pytestmark = pytest.mark.triton

ROOT = Path(__file__).parents[2]
START_S_MAX = 60.0

TABLE = """
version: 1
labelers:
  - {{use: model, map: {{identity: ours, simple: ours, "identity_*": tritons, add_sub: tritons}}}}
applications:
  worker: {{endpoints: "{worker}"}}
  triton: {{endpoints: "{triton}"}}
routes:
  - {{application: worker, timeout: 10000, weight: 1, priority: 0, clusterType: http, label: ours}}
  - {{application: triton, timeout: 10000, weight: 1, priority: 0, clusterType: http, label: tritons}}
"""


@contextlib.contextmanager
def _process(ready: str, *arguments: str) -> Iterator[str]:
    """A process of ours, and the address in its ready line."""
    command = [sys.executable, "-m", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        killer = threading.Timer(START_S_MAX, process.kill)
        killer.start()
        try:
            assert process.stdout is not None
            match = re.match(rf"{ready}.*?(127\.0\.0\.1:\d+)", process.stdout.readline())
            killer.cancel()
            assert match is not None, command
            yield match[1]
        finally:
            killer.cancel()
            process.terminate()


@pytest.fixture(scope="module")
def proxy(triton_server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("proxy")
    table = folder / "table.yaml"
    free = "127.0.0.1:0"
    models = str(ROOT / "tests" / "models")
    with _process("penstock worker ready", "workers", models, "--listen", free) as worker:
        table.write_text(TABLE.format(worker=f"http://{worker}", triton=f"http://{triton_server.http}"))
        serve = ("proxy.cli", "serve", str(table), "--queue", "memory://", "--listen", free, "--admin", free)
        with _process("penstock ready", *serve) as address:
            yield address


@pytest.fixture
def client(proxy: str) -> Iterator[triton_http.InferenceServerClient]:
    with triton_http.InferenceServerClient(proxy, concurrency=8) as client:
        yield client


def _input(name: str, values: np.ndarray, datatype: str, *, binary: bool) -> triton_http.InferInput:
    tensor = triton_http.InferInput(name, list(values.shape), datatype)
    tensor.set_data_from_numpy(values, binary_data=binary)
    return tensor


def _round_trip(client, model: str, values: np.ndarray, datatype: str, *, binary: bool, **more) -> np.ndarray:
    """What comes back for one tensor; our worker calls it OUTPUT0, Triton's model OUTPUT."""
    place = "0" if model == "identity" else ""
    output = triton_http.InferRequestedOutput(f"OUTPUT{place}", binary_data=binary)
    tensor = _input(f"INPUT{place}", values, datatype, binary=binary)
    return client.infer(model, [tensor], outputs=[output], **more).as_numpy(f"OUTPUT{place}")


NUL = np.array([[b"\x00\xff middle \x00 end\x00", b""]], dtype=np.object_)
HALF = np.array([[0.1, -65504.0, 6e-8, np.inf]], dtype=np.float16)


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize(
    ("model", "datatype", "dtype"),
    [
        ("identity", "FP32", np.float32),
        ("identity", "INT64", np.int64),
        ("identity_fp32", "FP32", np.float32),
        ("identity_int32", "INT32", np.int32),
    ],
)
def test_numbers_come_back_as_they_went(client, model, datatype, dtype, binary) -> None:
    """Both encodings, to both servers."""
    values = np.arange(-6, 6).reshape(3, 4).astype(dtype)
    answer = _round_trip(client, model, values, datatype, binary=binary)
    assert answer.dtype == dtype
    assert np.array_equal(answer, values)


@pytest.mark.parametrize("model", ["identity", "identity_bytes"])
def test_bytes_with_embedded_nul_come_back_as_they_went(client, model) -> None:
    """An image has NUL bytes; the proxy must never look at them as text."""
    assert _round_trip(client, model, NUL, "BYTES", binary=True).tolist() == NUL.tolist()


@pytest.mark.parametrize("model", ["identity", "identity_bytes"])
def test_texts_come_back_in_json(client, model) -> None:
    """BYTES in JSON are UTF-8 strings."""
    texts = np.array([["加微信".encode(), b"free money"]], dtype=np.object_)
    assert [
        each if isinstance(each, str) else each.decode()
        for each in _round_trip(client, model, texts, "BYTES", binary=False).ravel()
    ] == ["加微信", "free money"]


@pytest.mark.parametrize("model", ["identity", "identity_fp16"])
def test_half_precision_comes_back_bit_for_bit(client, model) -> None:
    """FP16 travels as binary."""
    assert _round_trip(client, model, HALF, "FP16", binary=True).tobytes() == HALF.tobytes()


@pytest.mark.parametrize("model", ["identity", "identity_fp32"])
def test_a_megabyte_tensor_comes_back_bit_for_bit(client, model) -> None:
    """Larger than any socket buffer."""
    values = np.random.default_rng(1).random((1, 300_000), dtype=np.float32)
    assert _round_trip(client, model, values, "FP32", binary=True).tobytes() == values.tobytes()


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
@pytest.mark.parametrize("model", ["identity", "identity_fp32"])
def test_compressed_bodies_pass_both_ways(client, model, coding) -> None:
    """The proxy forwards the coding as it came."""
    values = np.zeros((1, 5000), dtype=np.float32)
    answer = _round_trip(
        client,
        model,
        values,
        "FP32",
        binary=True,
        request_compression_algorithm=coding,
        response_compression_algorithm=coding,
    )
    assert np.array_equal(answer, values)


@pytest.mark.parametrize("model", ["identity", "identity_fp32"])
def test_the_request_id_is_echoed(client, model) -> None:
    """Client-side matching of answers relies on it."""
    place = "0" if model == "identity" else ""
    tensor = _input(f"INPUT{place}", np.ones((1, 2), dtype=np.float32), "FP32", binary=True)
    assert client.infer(model, [tensor], request_id="ad-17").get_response()["id"] == "ad-17"


def test_two_tensors_in_and_two_out(client) -> None:
    """Triton's own example model, from Triton."""
    a, b = np.array([5, 7], dtype=np.int32), np.array([2, 9], dtype=np.int32)
    inputs = [_input("A", a, "INT32", binary=True), _input("B", b, "INT32", binary=False)]
    answer = client.infer("add_sub", inputs)
    assert answer.as_numpy("SUM").tolist() == [7, 16]
    assert answer.as_numpy("DIFFERENCE").tolist() == [3, -2]


def test_questions_about_server_and_models_are_answered(client) -> None:
    """The calls that clients make before they infer."""
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.get_server_metadata()["name"] == "penstock"
    for model in ("identity", "identity_bytes"):
        assert client.is_model_ready(model)
        assert client.get_model_metadata(model)["name"] == model
    assert not client.is_model_ready("no-such-model")


def test_concurrent_requests_each_get_their_own_answer(client) -> None:
    """No answer may reach another request."""
    pending = []
    for number in range(64):
        values = np.full((1, 8), number, dtype=np.float32)
        model, place = ("identity", "0") if number % 2 else ("identity_fp32", "")
        tensor = _input(f"INPUT{place}", values, "FP32", binary=True)
        pending.append((number, place, client.async_infer(model, [tensor])))
    for number, place, answer in pending:
        assert answer.get_result().as_numpy(f"OUTPUT{place}").tolist() == [[number] * 8]


def test_errors_say_what_is_wrong_in_the_protocols_form(client) -> None:
    """An unknown model has no row; a wrong tensor is the model server's own 400."""
    tensor = _input("INPUT0", np.ones((1, 2), dtype=np.float32), "FP32", binary=True)
    with pytest.raises(InferenceServerException, match="no row matches"):
        client.infer("no-such-model", [tensor])
    with pytest.raises(InferenceServerException, match="INPUT") as caught:
        client.infer("identity_fp32", [tensor])
    assert caught.value.status() == "400"
