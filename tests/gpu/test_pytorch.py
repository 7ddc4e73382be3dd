"""The PyTorch backend on a GPU."""

import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from PIL import Image

from workers.bench.models import write_model
from workers.bench.picture import sample_picture
from workers.device import Device, Ground
from workers.entry import Entry
from workers.errors import BadInput
from workers.model import Model
from workers.oip.rawdata import bytes_array
from workers.oip.tensors import InferRequest, Tensor
from workers.pictures import decode_picture, squared
from workers.pytorch.album import Album
from workers.pytorch.eyes import Eyes
from workers.pytorch.nvjpeg import Decoder
from workers.pytorch.runner import CudaRunner
from workers.repository import read_repository
from workers.token import named

CUDA = Device(type="cuda")
SIDE = 64


@pytest.fixture(scope="module")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("toys")
    for name in ("vit-toy", "resnet-toy"):
        write_model(root, name, gpu=True, batch=8)
    return root


@pytest.fixture
def eyes(engines: None) -> Iterator[Eyes]:
    made = Eyes(SIDE, torch.device("cuda"), album=Album())
    yield made
    made.release()


def entry_of(root: Path, name: str, **changes: Any) -> Entry:
    (entry,) = read_repository(root, (name,), CUDA)
    return msgspec.structs.replace(entry, **changes)


def loaded(entry: Entry) -> Model:
    model = Model(entry)
    model.initialise(Ground(device=CUDA))
    return model


def other(size: tuple[int, int] = (400, 534), **how: Any) -> bytes:
    """A JPEG of another form."""
    stream = io.BytesIO()
    Image.open(io.BytesIO(sample_picture())).resize(size).save(stream, "JPEG", **how)
    return stream.getvalue()


def bytearray_view(raw: bytes) -> memoryview:
    """As pictures lie in shared memory: a view that may be written."""
    return memoryview(bytearray(raw))


def asked(*raws: bytes) -> InferRequest:
    return InferRequest(inputs=(Tensor.of("IMAGE", "BYTES", bytes_array(list(raws))),))


def scores(model: Model, *raws: bytes) -> Any:
    return model.infer(asked(*raws))[1].data


def test_the_gpu_shows_a_picture_as_the_cpu_does(eyes: Eyes) -> None:
    """Both decode the same JPEG; rounding may differ by a step or two."""
    raw = sample_picture()
    pixels = eyes.see([raw], 1).pixels[0].permute(1, 2, 0).flip(2).cpu().numpy()
    far = np.abs(pixels.astype(int) - squared(decode_picture(raw), SIDE))
    assert far.mean() < 1.0
    assert far.max() <= 6


def test_pictures_of_many_sizes_lie_in_their_own_rows(eyes: Eyes) -> None:
    """They are decoded in groups, and come back in the order of the batch."""
    sizes = [(90, 80), (700, 80), (64, 64)]
    raws = [sample_picture(n, width, height) for n, (width, height) in enumerate(sizes)]
    together = eyes.see(raws, 8).pixels
    assert torch.equal(eyes.see(raws, 3).pixels, together[:3])
    for place, raw in enumerate(raws):
        assert torch.equal(together[place], eyes.see([raw], 1).pixels[0])
    assert not together[3:].any()


def test_what_is_no_picture_fails_alone(eyes: Eyes) -> None:
    """Its neighbours are other callers'."""
    seen = eyes.see([sample_picture(), b"\xff\xd8 nothing", sample_picture()], 4)
    assert list(seen.broken) == [1]
    assert torch.equal(seen.pixels[0], seen.pixels[2])


def test_a_picture_of_several_models_is_decoded_once(eyes: Eyes) -> None:
    """The second model finds it, with the same bits, beside one that it must decode."""
    raws = [sample_picture(number) for number in range(3)]
    given = [named(raw, 2) for raw in raws]
    first = eyes.see(list(given[:2]), 2).pixels
    again = eyes.see([given[1], raws[2], given[0]], 4).pixels
    assert torch.equal(again[0], first[1])
    assert torch.equal(again[2], first[0])
    assert torch.equal(again[1], eyes.see([raws[2]], 1).pixels[0])
    assert eyes.looked == (3, 2)
    assert eyes._album.bytes == 0  # all models have had them


@pytest.mark.usefixtures("engines")
def test_the_decoder_says_what_its_engines_do_not_take() -> None:
    """Those are decoded on the CPU."""
    decoder = Decoder()
    plain, odd = (np.frombuffer(raw, np.uint8) for raw in (sample_picture(), other(progressive=True)))
    assert decoder.size(plain.ctypes.data, len(plain)) == (534, 400)
    assert decoder.size(plain[50:].ctypes.data, 100) is None
    assert decoder.supports(plain.ctypes.data, len(plain))
    assert not decoder.supports(odd.ctypes.data, len(odd))
    decoder.close()


@pytest.mark.parametrize("how", [{"progressive": True}, {"subsampling": "4:1:1"}, {"size": (9, 7)}])
def test_what_the_engines_refuse_spoils_no_batch(eyes: Eyes, how: dict[str, Any]) -> None:
    """A plain head is not asked about twice: the batch is tried, and then again without it."""
    odd, raws = other(**how), [sample_picture(1), sample_picture(2)]
    seen = eyes.see([raws[0], odd, bytearray_view(raws[1])], 3)
    assert not seen.broken
    for place, raw in ((0, raws[0]), (2, raws[1])):
        assert torch.equal(seen.pixels[place], eyes.see([raw], 1).pixels[0])
    shown = seen.pixels[1].permute(1, 2, 0).flip(2).cpu().numpy().astype(int)
    assert (
        np.abs(shown - squared(decode_picture(odd), SIDE)).mean() < 4.0
    )  # chroma is smoothed in another way


@pytest.mark.parametrize("name", ["vit-toy", "resnet-toy"])
def test_a_gpu_answers_as_a_cpu_does(toys: Path, name: str) -> None:
    """Within what half precision and two decoders differ by."""
    there = scores(loaded(entry_of(toys, name)), sample_picture())
    here = Model(entry_of(toys, name, precision="fp32", decode="cpu", cuda_graphs=False))
    here.initialise(Ground(device=Device(type="cpu")))
    assert there == pytest.approx(scores(here, sample_picture()), abs=0.02)


@pytest.mark.parametrize(
    "changes", [{"compile": True}, {"cuda_graphs": True}, {"compile": True, "cuda_graphs": True}]
)
def test_compiled_and_replayed_networks_give_what_the_plain_one_gives(
    toys: Path, changes: dict[str, Any]
) -> None:
    """They are faster ways of the same sum."""
    plain = {"compile": False, "cuda_graphs": False}
    wanted = scores(loaded(entry_of(toys, "vit-toy", **plain)), sample_picture(), sample_picture(1))
    model = loaded(entry_of(toys, "vit-toy", **{**plain, **changes}))
    for _ in range(3):
        assert scores(model, sample_picture(), sample_picture(1)) == pytest.approx(wanted, abs=0.02)


def test_the_same_picture_gives_the_same_bits(toys: Path) -> None:
    """For the same device, version and batch size."""
    model = loaded(entry_of(toys, "resnet-toy"))
    first = scores(model, sample_picture())
    assert all(np.array_equal(first, scores(model, sample_picture())) for _ in range(5))


def test_a_broken_picture_fails_alone_in_a_batch(toys: Path) -> None:
    """Through the whole model."""
    good, bad = sample_picture(), sample_picture()[:5000]
    results = loaded(entry_of(toys, "vit-toy")).infer_many([asked(good), asked(bad), asked(good)])
    assert [isinstance(result, BadInput) for result in results] == [False, True, False]


def test_a_full_memory_is_said_in_the_words_that_split_a_batch() -> None:
    """`tree/batch.py` halves a batch on them."""

    def forward(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (torch.empty((len(x), 1 << 42), dtype=torch.uint8, device="cuda"),)

    with pytest.raises(torch.OutOfMemoryError, match="out of memory"):
        CudaRunner(forward).run(torch.zeros(2, device="cuda"))


BROKEN = """
import torch
from workers.errors import ModelFailed
from workers.tree.batch import _broken, _cause
x = torch.zeros(4, device="cuda")
try:
    x[torch.tensor([9], device="cuda")].cpu()
except Exception as error:
    failed = ModelFailed("x")
    failed.__cause__ = error
    print(_broken(_cause(failed)))
"""


def test_a_device_that_broke_is_known_by_its_words() -> None:
    """The predictor ends on them, and its supervisor starts another."""
    done = subprocess.run(
        [sys.executable, "-c", BROKEN], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout.strip() == "True", done.stderr


def test_a_scan_that_is_broken_inside_is_shown_and_not_refused(eyes: Eyes) -> None:
    """As PIL does: with a good head and end, what lies between is shown as far as it can be read."""
    raw = bytearray(sample_picture())
    raw[len(raw) // 2 : len(raw) // 2 + 400] = bytes(400)
    assert decode_picture(bytes(raw)).shape == (534, 400, 3)
    seen = eyes.see([bytes(raw), sample_picture(1)], 2)
    assert not seen.broken
    assert torch.equal(seen.pixels[1], eyes.see([sample_picture(1)], 1).pixels[0])
