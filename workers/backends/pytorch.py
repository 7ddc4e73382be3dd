"""PyTorch networks on the CPU or a CUDA device: half precision, compiled, as CUDA graphs, as configured.

Pictures come as pixels, or as JPEGs that the GPU decodes, when `backend_options.normalise` says so; the
network then gets them around 0 by the mean and deviation of the kind's options. All else goes to the
network as it comes, in the order of the inputs.
"""

from typing import Any

import numpy as np
import torch
from torch import _dynamo as dynamo

from workers.device import Device, Ground
from workers.entry import Entry
from workers.errors import Unusable
from workers.oip.datatypes import NUMPY
from workers.oip.rawdata import bytes_array
from workers.oip.tensors import Tensor
from workers.ports import PROBLEMS, Tensors
from workers.pytorch.eyes import Eyes
from workers.pytorch.forward import Forward
from workers.pytorch.network import load_network
from workers.pytorch.nvjpeg import NoHardwareDecoder
from workers.pytorch.runner import CpuRunner, CudaRunner

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
DATATYPES = {dtype: name for name, dtype in NUMPY.items() if name not in ("BF16", "BYTES")}
MAPS_MAX = 64  # compiled forms of one network: one for each batch size


class TorchNetwork:
    """Runs the entry's file `model`."""

    def __init__(self, entry: Entry) -> None:
        self._entry = entry
        self._device = torch.device("cpu")
        self._runner: CpuRunner | CudaRunner | None = None
        self._eyes: Eyes | None = None
        self._sizes = entry.batching.preferred_batch_sizes if entry.batching.pad_to_preferred else []

    def initialise(self, ground: Ground) -> str:
        device = choose_device(ground.device)
        self._device = torch.device(str(device))
        if ground.threads and device.type == "cpu":
            torch.set_num_threads(ground.threads)
        words = [str(device), self._entry.precision]
        forward = self._forward()
        if device.type == "cuda":
            torch.cuda.set_device(self._device)
            torch.backends.cudnn.benchmark = True
            self._open_eyes(words)
            self._runner = CudaRunner(forward, self._sizes if self._entry.cuda_graphs else ())
        else:
            self._runner = CpuRunner(forward)
        self._warm()
        return ", ".join(words)

    def infer(self, inputs: Tensors, parameters: dict[str, Any]) -> Tensors:
        del parameters
        assert self._runner is not None, "initialise comes first"
        rows = len(inputs[0].data)
        broken: dict[int, str] = {}
        if self._entry.takes_pixels and inputs[0].datatype == "BYTES":
            if self._eyes is None:
                raise Unusable("this device decodes no pictures; say decode: cpu")
            seen = self._eyes.see(inputs[0].data.tolist(), self._padded(rows))
            broken = seen.broken
            given: tuple[torch.Tensor, ...] = (seen.pixels,)
        else:
            given = tuple(self._given(tensor, self._padded(rows)) for tensor in inputs)
        outputs = self._runner.run(*given)
        named = [self._named(place, array[:rows]) for place, array in enumerate(outputs)]
        if broken:
            words = [broken.get(row, "").encode() for row in range(rows)]
            named.append(Tensor.of(PROBLEMS, "BYTES", bytes_array(words)))
        return tuple(named)

    @property
    def looked(self) -> tuple[int, int]:
        """Pictures that several models were given: decoded for this one, and found decoded."""
        return (0, 0) if self._eyes is None else self._eyes.looked

    def release(self) -> None:
        self._runner = None
        if self._eyes is not None:
            self._eyes.release()
            self._eyes = None
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def _forward(self) -> Any:
        entry, dtype = self._entry, PRECISIONS[self._entry.precision]
        spread = (entry.options.mean, entry.options.deviation) if entry.takes_pixels else None
        softmax = bool(entry.backend_options.get("softmax"))
        forward: Any = Forward(load_network(entry, self._device, dtype), spread, dtype, softmax=softmax)
        forward = forward.to(self._device)
        if entry.compile:
            dynamo.config.recompile_limit = MAPS_MAX
            forward = torch.compile(forward, dynamic=False if self._sizes else None)
        return forward

    def _open_eyes(self, words: list[str]) -> None:
        if self._entry.decode != "gpu" or not self._entry.takes_pixels:
            return
        try:
            self._eyes = Eyes(self._entry.options.side, self._device)
        except NoHardwareDecoder as error:
            raise Unusable(f"decode is gpu, but {error}") from error
        words.append("decoding on the GPU")

    def _warm(self) -> None:
        """Compile and capture every fixed size now: a caller would wait for it else."""
        if not self._entry.takes_pixels or not (self._entry.compile or self._entry.cuda_graphs):
            return
        assert self._runner is not None, "it was just made"
        side = self._entry.options.side
        for size in self._sizes:
            self._runner.run(torch.zeros((size, 3, side, side), dtype=torch.uint8, device=self._device))

    def _padded(self, rows: int) -> int:
        return self._entry.batching.padded_rows(rows)

    def _given(self, tensor: Tensor, rows: int) -> torch.Tensor:
        """On the device, with rows of zeros behind."""
        array = tensor.data
        cuda = self._device.type == "cuda"
        kind = torch.from_numpy(np.empty(0, array.dtype)).dtype
        found = torch.empty((rows, *array.shape[1:]), dtype=kind, pin_memory=cuda)
        there = found.numpy()
        there[: len(array)] = array
        there[len(array) :] = 0
        if tensor.datatype == "BF16":
            found = found.view(torch.bfloat16)
        found = found.to(self._device, non_blocking=True)
        pixels = tensor.datatype == "UINT8" and self._entry.takes_pixels
        return found.permute(0, 3, 1, 2) if pixels else found

    def _named(self, place: int, output: torch.Tensor) -> Tensor:
        names = self._entry.backend_options.get("outputs", ())
        array = output.numpy()
        name = names[place] if place < len(names) else f"OUTPUT{place}"
        return Tensor.of(name, DATATYPES[array.dtype], array)


def choose_device(wanted: Device) -> Device:
    """The device to use. Raises Unusable if CUDA is asked for by name and there is none."""
    count = torch.cuda.device_count()
    if wanted.type == "cuda" and wanted.index >= count:
        raise Unusable(f"there is no {wanted}: PyTorch sees {count} CUDA devices")
    if wanted.type == "auto":
        return Device(type="cuda" if count else "cpu")
    return wanted


BACKEND = TorchNetwork
