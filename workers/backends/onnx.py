"""ONNX models on ONNX Runtime, on the CPU or a CUDA device."""

from typing import Any

import onnxruntime

from workers.device import Device, Ground
from workers.entry import Entry
from workers.errors import Unusable
from workers.oip.tensors import Tensor
from workers.ports import Tensors

CUDA = "CUDAExecutionProvider"
DATATYPES = {
    "tensor(bool)": "BOOL",
    "tensor(int8)": "INT8",
    "tensor(int16)": "INT16",
    "tensor(int32)": "INT32",
    "tensor(int64)": "INT64",
    "tensor(uint8)": "UINT8",
    "tensor(uint16)": "UINT16",
    "tensor(uint32)": "UINT32",
    "tensor(uint64)": "UINT64",
    "tensor(float16)": "FP16",
    "tensor(float)": "FP32",
    "tensor(double)": "FP64",
}


class OnnxSession:
    """Runs the entry's file `model`. Inputs go by name where the names agree, else by position."""

    def __init__(self, entry: Entry) -> None:
        self._path = entry.files.get("model")
        self._session: Any = None
        self._inputs: tuple[str, ...] = ()
        self._outputs: tuple[tuple[str, str], ...] = ()

    def initialise(self, ground: Ground) -> str:
        if self._path is None:
            raise Unusable("files must name 'model', an ONNX file")
        device = choose_device(ground.device)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = ground.threads
        # Threads that spin while they wait take the cores from other models.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        providers: list[Any] = ["CPUExecutionProvider"]
        if device.type == "cuda":
            providers.insert(0, (CUDA, {"device_id": device.index}))
        self._session = onnxruntime.InferenceSession(str(self._path), options, providers=providers)
        if device.type == "cuda" and CUDA not in self._session.get_providers():
            raise Unusable(f"ONNX Runtime could not open {device}")
        self._inputs = tuple(node.name for node in self._session.get_inputs())
        self._outputs = tuple(
            (node.name, DATATYPES.get(node.type, "")) for node in self._session.get_outputs()
        )
        odd = [name for name, datatype in self._outputs if not datatype]
        if odd:
            raise Unusable(f"outputs of a type that tensors lack: {', '.join(odd)}")
        return str(device)

    def infer(self, inputs: Tensors, parameters: dict[str, Any]) -> Tensors:
        del parameters
        by_name = {tensor.name for tensor in inputs} == set(self._inputs)
        feed = {
            tensor.name if by_name else name: tensor.data
            for name, tensor in zip(self._inputs, inputs, strict=True)
        }
        arrays = self._session.run(None, feed)
        return tuple(
            Tensor.of(name, datatype, array)
            for (name, datatype), array in zip(self._outputs, arrays, strict=True)
        )

    def release(self) -> None:
        self._session = None


def choose_device(wanted: Device) -> Device:
    """The device to use. Raises Unusable if CUDA is asked for by name and this build lacks it."""
    has_cuda = CUDA in onnxruntime.get_available_providers()
    if wanted.type == "cuda" and not has_cuda:
        raise Unusable("this build of ONNX Runtime has no CUDA (the package onnxruntime-gpu has)")
    if wanted.type == "auto":
        return Device(type="cuda" if has_cuda else "cpu")
    return wanted


BACKEND = OnnxSession
