"""Through the tree, by every way, a model says to the last bit what it says in one process alone."""

import importlib.resources
import io
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from tritonclient.http import InferenceServerClient, InferInput

from workers.command import BUNDLED
from workers.device import Device, Ground
from workers.entry import Entry
from workers.model import Model
from workers.oip.rawdata import bytes_array
from workers.oip.tensors import InferRequest, Tensor
from workers.repository import read_repository

pytestmark = pytest.mark.models

CHINA = (importlib.resources.files("sklearn") / "datasets" / "images" / "china.jpg").read_bytes()


def poster() -> bytes:
    picture = Image.new("RGB", (720, 260), "white")
    font = ImageFont.load_default(72)
    ImageDraw.Draw(picture).text((40, 30), "CALL NOW", fill="black", font=font)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG")
    return buffer.getvalue()


ASKED = {
    "image-risk": [CHINA, poster()],
    "ad-text-ocr": [poster(), CHINA],
    "text-toxicity": [b"you are a stupid idiot", "linen shirts \u4f60\u597d".encode()],
    "bad-ad-retrieval": [b"Twice your cash back within a week", b"summer sale", b"watches"],
}


@pytest.fixture(scope="module")
def alone() -> Iterator[Callable[[str], dict[str, bytes]]]:
    """The models in this process."""
    models: dict[str, Model] = {}
    entries: dict[str, Entry] = {entry.name: entry for entry in read_repository(BUNDLED)}

    def ask(name: str) -> dict[str, bytes]:
        entry = entries[name]
        if name not in models:
            models[name] = Model(entry)
            models[name].initialise(Ground(device=Device(type="cpu")))
        given = Tensor.of(entry.inputs[0].name, "BYTES", bytes_array(ASKED[name]))
        return {each.name: bits(each.data) for each in models[name].infer(InferRequest(inputs=(given,)))}

    yield ask
    for model in models.values():
        model.release()


def bits(array: Any) -> bytes:
    if array.dtype == object:
        return repr((array.shape, array.tolist())).encode()
    return repr((array.shape, array.dtype.str)).encode() + array.tobytes()


def through(address: str, name: str) -> dict[str, bytes]:
    with InferenceServerClient(address, network_timeout=60, connection_timeout=60) as client:
        given = InferInput(client.get_model_metadata(name)["inputs"][0]["name"], [len(ASKED[name])], "BYTES")
        given.set_data_from_numpy(np.array(ASKED[name], object))
        result = client.infer(name, [given])
        return {
            each["name"]: bits(result.as_numpy(each["name"])) for each in result.get_response()["outputs"]
        }


@pytest.fixture(scope="module")
def staged() -> Iterator[Any]:
    """A worker whose stages prepare."""
    from tests.integration.workers.conftest import Started

    started = Started("--device", "cpu", "--cpu-processes", "2", "--fronts", "2")
    yield started
    assert started.stop() == 0


@pytest.mark.parametrize("name", sorted(ASKED))
def test_every_way_gives_the_same_bits(
    alone: Callable[[str], dict[str, bytes]], bundled: Any, staged: Any, name: str
) -> None:
    """Prepared in the predictor, prepared in a stage, or all in one process."""
    expected = alone(name)
    assert through(bundled.address, name) == expected
    assert through(staged.address, name) == expected
