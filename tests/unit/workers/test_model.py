"""A model as kind and backend joined, on repositories written by the test."""

from pathlib import Path

import numpy as np
import pytest

from workers.device import Device, Ground, parse_device
from workers.errors import ModelFailed, Unusable
from workers.model import Model, sample_request
from workers.oip.datatypes import BadTensor
from workers.oip.tensors import InferRequest, Tensor
from workers.repository import read_repository

CONFIG = """
name: n
version: "1"
kind: tensors
backend: python
files: {model: model.py}
inputs: [{name: x, datatype: FP32, shape: [-1, 2]}]
outputs: [{name: y, datatype: FP32, shape: [-1, 2]}]
sample: {x: [1, 2, 3, 4]}
"""
CODE = """
from workers.oip.tensors import Tensor
def infer(inputs, parameters):
    return (Tensor.of("y", "FP32", 1 / inputs[0].data if parameters.get("bad") is None else inputs[9]),)
"""


def model(tmp_path: Path, code: str = CODE, config: str = CONFIG) -> Model:
    (tmp_path / "n").mkdir()
    (tmp_path / "n" / "model.yaml").write_text(config)
    (tmp_path / "n" / "model.py").write_text(code)
    return Model(read_repository(tmp_path)[0])


def test_the_sample_has_the_shape_that_the_model_takes(tmp_path: Path) -> None:
    """Four numbers under [-1, 2] are two rows."""
    request = sample_request(model(tmp_path).entry)
    assert request.inputs[0].data.tolist() == [[1, 2], [3, 4]]


def test_a_model_is_ready_only_when_its_sample_went_through(tmp_path: Path) -> None:
    """A model that loads and then fails every request must not be ready."""
    broken = model(tmp_path, "def infer(inputs, parameters): raise RuntimeError('no kernel')")
    with pytest.raises(Unusable, match="no kernel"):
        broken.initialise(Ground())


@pytest.mark.parametrize("code", ["x = 1", "raise RuntimeError('at import')", "import no_such_module"])
def test_a_file_that_is_no_model_is_told(tmp_path: Path, code: str) -> None:
    """With the model's name: an operator has several."""
    with pytest.raises(Unusable, match="n: "):
        model(tmp_path, code).initialise(Ground())


def test_what_a_model_raises_is_its_failure_and_what_a_caller_sends_is_his(tmp_path: Path) -> None:
    """500 and 400 must never be mixed up: one falls through to the next tier, the other goes back."""
    ready = model(tmp_path)
    assert ready.initialise(Ground()) == "cpu"
    x = Tensor.of("x", "FP32", np.ones((1, 2), np.float32))
    assert ready.infer(InferRequest(inputs=(x,)))[0].data.tolist() == [[1, 1]]
    with pytest.raises(ModelFailed, match="IndexError"):
        ready.infer(InferRequest(inputs=(x,), parameters={"bad": 1}))
    with pytest.raises(BadTensor, match="lacks the input x"):
        ready.infer(InferRequest(inputs=()))


@pytest.mark.parametrize(
    ("name", "datatype", "shape", "part"),
    [("z", "FP32", (1, 2), "lacks"), ("x", "FP64", (1, 2), "FP64"), ("x", "FP32", (1, 3), "shape"),
     ("x", "FP32", (2,), "shape")],
)  # fmt: skip
def test_tensors_that_a_model_does_not_take_are_refused(
    tmp_path: Path, name: str, datatype: str, shape: tuple[int, ...], part: str
) -> None:
    """Before the model sees them: it would fail, and look sick for it."""
    tensor = Tensor.of(name, datatype, np.zeros(shape))
    with pytest.raises(BadTensor, match=part):
        model(tmp_path).infer(InferRequest(inputs=(tensor,)))


@pytest.mark.parametrize(
    ("text", "device"),
    [("cpu", Device(type="cpu")), ("auto", Device()), ("cuda", Device(type="cuda")),
     ("cuda:3", Device(type="cuda", index=3))],
)  # fmt: skip
def test_devices_are_told_as_words(text: str, device: Device) -> None:
    """As PyTorch writes them."""
    assert parse_device(text) == device


@pytest.mark.parametrize("text", ["", "gpu", "cuda:", "cuda:-1", "cpu:0"])
def test_an_unknown_device_is_refused(text: str) -> None:
    """A typing error must not fall back to the CPU unseen."""
    with pytest.raises(ValueError, match="is none of"):
        parse_device(text)
