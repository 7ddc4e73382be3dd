"""A set of models in a real server: six pre-processings of one picture that was decoded once."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from tritonclient.grpc import InferenceServerClient, InferInput

SIX = ("a", "b", "c", "d", "e", "f")
MODEL = """
name: {name}
version: "1"
kind: classification
backend: python
files: {{model: model.py, sample: sample.jpg}}
inputs: [{{name: PICTURE, datatype: BYTES, shape: [-1]}}]
outputs:
  - {{name: LABEL, datatype: BYTES, shape: [-1]}}
  - {{name: SCORES, datatype: FP32, shape: [-1, 2]}}
  - {{name: RISK, datatype: FP32, shape: [-1]}}
options: {{reads: picture, classes: [dark, bright], risky: [bright], side: {side}}}
sample: {{PICTURE: {{file: sample}}}}
"""
CODE = """
import numpy as np
from workers.oip.tensors import Tensor
def infer(inputs, parameters):
    bright = 1 / (1 + np.exp(-inputs[0].data.mean(axis=(1, 2, 3))))
    return (Tensor.of("scores", "FP32", np.stack([1 - bright, bright], 1).astype("f4")),)
"""


def picture() -> bytes:
    buffer = io.BytesIO()
    noise = np.random.default_rng(7).integers(0, 256, (300, 400, 3), np.uint8)
    Image.fromarray(noise).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for number, name in enumerate(SIX):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.yaml").write_text(MODEL.format(name=name, side=8 + number))
        (tmp_path / name / "model.py").write_text(CODE)
        (tmp_path / name / "sample.jpg").write_bytes(picture())
    (tmp_path / "all").mkdir()
    (tmp_path / "all" / "several.yaml").write_text('name: all\nversion: "1"\nmodels: [a, b, c, d, e, f]\n')
    return tmp_path


@pytest.mark.parametrize("stages", ["0", "1"])
def test_one_request_asks_six_models_and_decodes_once(
    start: Callable[..., Any], repository: Path, stages: str
) -> None:
    """The same answers as one at a time, bit by bit, over both protocols. 5 of 6 decodes are saved."""
    started = start(str(repository), "--cpu-processes", stages, "--fronts", "2", "--grpc", "127.0.0.1:0")
    raw = {"Inference-Header-Content-Length": "0"}
    with httpx.Client(base_url=f"http://{started.address}/v2", timeout=30) as http:
        assert http.get("/health/ready").status_code == 200
        assert http.get("/models/all/ready").status_code == 200
        together = http.post("/models/all/infer", content=picture(), headers=raw)
        alone = [http.post(f"/models/{name}/infer", content=picture(), headers=raw) for name in SIX]
        told = [_statistics(started.address) for _ in range(8)]
        refused = http.post("/models/all/infer", json=_by_url())
    tensors = [_tensors(each) for each in alone]
    assert _tensors(together) == b"".join(tensors)
    assert len(set(tensors)) == 6
    assert told == told[:1] * 8  # each time over a new connection: whichever front answers tells of all
    assert told[0] == {
        "pictures": 1,
        "fetches": 0,
        "fetches_saved": 0,
        "decodes": 1,
        "decodes_saved": 5,
    }
    assert refused.status_code == 400
    assert "without hosts" in refused.json()["error"]
    with InferenceServerClient(started.grpc) as client:
        given = InferInput("PICTURE", [1], "BYTES")
        given.set_data_from_numpy(np.array([picture()], object))
        answer = client.infer("all", [given])
        assert answer.as_numpy("f.RISK").tobytes() in tensors[5]
        assert client.get_inference_statistics("all").model_stats[0].inference_count == 2


def test_a_picture_of_this_machine_is_not_fetched(start: Callable[..., Any], repository: Path) -> None:
    """Not even where an operator lists it: what answers here may be anything."""
    started = start(str(repository), "--fetch-from", f"127.0.0.1:{80}", "--fetch-from", "localhost")
    with httpx.Client(base_url=f"http://{started.address}/v2", timeout=30) as http:
        for url in ("http://127.0.0.1/", "http://localhost/", "http://elsewhere.example/"):
            answer = http.post("/models/all/infer", json=_by_url(url))
            assert answer.status_code == 400
            assert "not fetched from" in answer.json()["error"]


def _statistics(address: str) -> dict[str, int]:
    shared: dict[str, int] = httpx.get(f"http://{address}/v2/models/all/stats").json()["model_stats"][0][
        "shared"
    ]
    return shared


def _by_url(url: str = "http://127.0.0.1/a.png") -> dict[str, Any]:
    given = {"name": "PICTURE", "shape": [1], "datatype": "BYTES", "data": [url]}
    return {"inputs": [given], "parameters": {"fetch": True}}


def _tensors(answer: httpx.Response) -> bytes:
    assert answer.status_code == 200, answer.text
    return answer.content[int(answer.headers["Inference-Header-Content-Length"]) :]
