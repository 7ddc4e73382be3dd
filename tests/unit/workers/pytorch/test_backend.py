"""PyTorch networks as models: each form of file, both precisions, pictures as pixels; on the CPU."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
import yaml

from workers.bench.models import NETWORKS, write_model
from workers.bench.picture import sample_picture
from workers.device import Device, Ground
from workers.entry import Entry
from workers.errors import BadInput, Unusable
from workers.model import Model
from workers.oip.rawdata import bytes_array
from workers.oip.tensors import InferRequest, Tensor
from workers.repository import read_repository

CPU = Ground(device=Device(type="cpu"), threads=1)


@pytest.fixture(scope="module")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with the small networks."""
    root = tmp_path_factory.mktemp("toys")
    for name in ("vit-toy", "resnet-toy"):
        write_model(root, name, gpu=False)
    return root


def entry_of(root: Path, name: str, **changes: Any) -> Entry:
    (entry,) = read_repository(root, (name,), Device(type="cpu"))
    return msgspec.structs.replace(entry, **changes)


def loaded(entry: Entry) -> Model:
    model = Model(entry)
    model.initialise(CPU)
    return model


def asked(*raws: bytes) -> InferRequest:
    return InferRequest(inputs=(Tensor.of("IMAGE", "BYTES", bytes_array(list(raws))),))


@pytest.mark.parametrize("name", ["vit-toy", "resnet-toy"])
def test_a_state_dict_gives_what_its_network_gives(toys: Path, name: str) -> None:
    """The way through pixels, precision and batching changes nothing but rounding."""
    entry = entry_of(toys, name)
    scores = loaded(entry).infer(asked(sample_picture()))[1].data
    network = NETWORKS[name](10)
    network.load_state_dict(torch.load(entry.files["model"], weights_only=True))
    plain = loaded(
        msgspec.structs.replace(entry, backend_options={**entry.backend_options, "normalise": False})
    )
    prepared = plain._kind.prepare(asked(sample_picture())).calls[0][0].data
    with torch.inference_mode():
        wanted = network.eval()(torch.from_numpy(prepared)).softmax(1).numpy()
    assert scores == pytest.approx(wanted, abs=1e-4)


def test_a_picture_is_answered_the_same_alone_and_in_company(toys: Path) -> None:
    """Joining and padding are the server's business, not the caller's."""
    entry = entry_of(toys, "vit-toy")
    model = loaded(entry)
    pictures = [sample_picture(number) for number in range(3)]
    alone = [model.infer(asked(picture))[1].data[0] for picture in pictures]
    batching = msgspec.structs.replace(entry.batching, preferred_batch_sizes=[8], pad_to_preferred=True)
    padded = loaded(msgspec.structs.replace(entry, batching=batching))
    together = padded.infer_many([asked(picture) for picture in pictures])
    for one, result in zip(alone, together, strict=True):
        assert not isinstance(result, Exception)
        assert result[1].data[0] == pytest.approx(one, abs=1e-5)


def test_a_broken_picture_fails_alone(toys: Path) -> None:
    """Its neighbours in the batch are other callers'."""
    good, bad = sample_picture(), sample_picture()[:5000]
    results = loaded(entry_of(toys, "vit-toy")).infer_many([asked(good), asked(bad), asked(good)])
    assert [isinstance(result, BadInput) for result in results] == [False, True, False]


def test_half_precision_is_near_single(toys: Path) -> None:
    """Three digits of a score."""
    single = loaded(entry_of(toys, "vit-toy")).infer(asked(sample_picture()))[1].data
    half = loaded(entry_of(toys, "vit-toy", precision="bf16")).infer(asked(sample_picture()))[1].data
    assert not np.array_equal(single, half)
    assert half == pytest.approx(single, abs=0.01)


def test_the_same_picture_gives_the_same_bits(toys: Path) -> None:
    """For the same device, version and batch size."""
    model = loaded(entry_of(toys, "vit-toy"))
    first, second = (model.infer(asked(sample_picture()))[1].data for _ in range(2))
    assert np.array_equal(first, second)


@pytest.mark.parametrize("suffix", ["ts", "pt2"])
def test_a_program_needs_no_code_beside_it(toys: Path, tmp_path: Path, suffix: str) -> None:
    """Exported programs and TorchScript carry their network; tensors go in and out as they are."""
    network = torch.nn.Linear(3, 2).eval()
    folder = tmp_path / "line"
    folder.mkdir()
    x = torch.ones(4, 3)
    if suffix == "ts":
        with pytest.deprecated_call():  # files of older PyTorch are still loaded
            torch.jit.trace(network, x).save(str(folder / "line.ts"))
    else:
        rows = torch.export.Dim("rows", min=1, max=64)
        torch.export.save(
            torch.export.export(network, (x,), dynamic_shapes=({0: rows},)), folder / "line.pt2"
        )
    document = {
        "name": "line",
        "version": "1",
        "kind": "tensors",
        "backend": "pytorch",
        "files": {"model": f"line.{suffix}"},
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 3]}],
        "outputs": [{"name": "y", "datatype": "FP32", "shape": [-1, 2]}],
        "backend_options": {"outputs": ["y"]},
        "sample": {"x": [1, 2, 3]},
    }
    (folder / "model.yaml").write_text(yaml.safe_dump(document))
    given = np.arange(6, dtype=np.float32).reshape(2, 3)
    (found,) = loaded(entry_of(tmp_path, "line")).infer(InferRequest(inputs=(Tensor.of("x", "FP32", given),)))
    assert found.name == "y"
    with torch.inference_mode():
        assert found.data == pytest.approx(network(torch.from_numpy(given)).numpy())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"files": {}}, "files must name 'model'"),
        ({"backend_options": {}}, "needs backend_options.network"),
        ({"backend_options": {"network": "nothing"}}, "no function 'nothing'"),
        ({"backend_options": {"network": "math:sqrt", "arguments": {}}}, "sqrt"),
        ({"decode": "gpu"}, "decodes no pictures"),
    ],
)
def test_what_cannot_be_loaded_says_why(toys: Path, changes: dict[str, Any], words: str) -> None:
    """The operator reads it."""
    with pytest.raises(Unusable, match=words):
        loaded(entry_of(toys, "vit-toy", **changes))


def test_a_network_needs_its_code(toys: Path) -> None:
    """A state dict is only weights."""
    entry = entry_of(toys, "vit-toy")
    files = {key: path for key, path in entry.files.items() if key != "network"}
    with pytest.raises(Unusable, match="files must name 'network'"):
        loaded(msgspec.structs.replace(entry, files=files))


def test_a_missing_gpu_is_said(toys: Path) -> None:
    """Falling back in silence would be found at the bill."""
    with pytest.raises(Unusable, match="there is no cuda:99"):
        Model(entry_of(toys, "vit-toy")).initialise(Ground(device=Device(type="cuda", index=99)))
