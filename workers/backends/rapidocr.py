"""RapidOCR: finding lines, turning them upright and reading them, three ONNX models in a row."""

import threading
from typing import Any

import numpy as np
import rapidocr

from workers.backends.onnx import choose_device
from workers.device import Ground
from workers.entry import Entry
from workers.errors import Unusable
from workers.oip.rawdata import bytes_array
from workers.oip.tensors import Tensor
from workers.ports import Tensors

STAGES = {"find": "Det", "turn": "Cls", "read": "Rec"}
"""The entry's files, and what RapidOCR calls the stage."""


class RapidReader:
    """One picture in (height × width × 3, blue first); lines, their corners and scores out."""

    def __init__(self, entry: Entry) -> None:
        self._files = entry.files
        self._options = entry.backend_options
        self._reader: Any = None
        # The library keeps settings of a call in the reader; one call at a time is what it promises.
        self._lock = threading.Lock()

    def initialise(self, ground: Ground) -> str:
        missing = [name for name in STAGES if name not in self._files]
        if missing:
            raise Unusable(f"files must name {', '.join(missing)}")
        device = choose_device(ground.device)
        params: dict[str, Any] = {
            # Given by path, they are never looked for on a network.
            **{f"{stage}.model_path": str(self._files[name]) for name, stage in STAGES.items()},
            "Global.log_level": "error",
            "Global.text_score": 0.0,  # what is sure enough is decided in post-processing
            "EngineConfig.onnxruntime.use_cuda": device.type == "cuda",
            "EngineConfig.onnxruntime.cuda_ep_cfg.device_id": device.index,
            "EngineConfig.onnxruntime.intra_op_num_threads": ground.threads or -1,
            **self._options,
        }
        self._reader = rapidocr.RapidOCR(params=params)
        return str(device)

    def infer(self, inputs: Tensors, parameters: dict[str, Any]) -> Tensors:
        del parameters
        with self._lock:
            result = self._reader(inputs[0].data)
        lines = [line.encode() for line in result.txts or ()]
        corners = np.zeros((0, 4, 2), np.float32) if not lines else np.asarray(result.boxes, np.float32)
        return (
            Tensor.of("lines", "BYTES", bytes_array(lines)),
            Tensor.of("corners", "FP32", corners),
            Tensor.of("scores", "FP32", np.asarray(result.scores or (), np.float32)),
        )

    def release(self) -> None:
        self._reader = None


BACKEND = RapidReader
