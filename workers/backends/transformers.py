"""Sentence encoders in Hugging Face form on PyTorch: texts in, vectors of length 1 out.

Mean of the token vectors, as sentence-transformers' models are trained. What is beyond
`tokens_max` is cut off.
"""

import threading
from typing import Any

import torch
import transformers

from workers.device import Device, Ground
from workers.entry import Entry
from workers.errors import Unusable
from workers.oip.tensors import Tensor
from workers.ports import Tensors

TOKENS_MAX = 256


class SentenceEncoder:
    """Runs the entry's file `model`, a folder with weights and tokenizer. It never asks a network."""

    def __init__(self, entry: Entry) -> None:
        self._path = entry.files.get("model")
        self._tokens_max = int(entry.backend_options.get("tokens_max", TOKENS_MAX))
        self._device = "cpu"
        self._tokenizer: Any = None
        self._model: Any = None
        # A fast tokenizer refuses two threads that set its padding at once ("Already borrowed").
        self._lock = threading.Lock()

    def initialise(self, ground: Ground) -> str:
        if self._path is None:
            raise Unusable("files must name 'model', a folder")
        self._device = str(choose_device(ground.device))
        if ground.threads:
            torch.set_num_threads(ground.threads)
        transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        folder = str(self._path)
        self._tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self._model = transformers.AutoModel.from_pretrained(folder, local_files_only=True)
        self._model.eval().to(self._device)
        return self._device

    def infer(self, inputs: Tensors, parameters: dict[str, Any]) -> Tensors:
        del parameters
        texts = [text.decode() for text in inputs[0].data.tolist()]
        with self._lock:
            tokens = self._tokenizer(
                texts, padding=True, truncation=True, max_length=self._tokens_max, return_tensors="pt"
            )
        tokens = tokens.to(self._device)
        with torch.inference_mode():
            hidden = self._model(**tokens).last_hidden_state
            mask = tokens["attention_mask"].unsqueeze(-1).to(hidden.dtype)
            mean = (hidden * mask).sum(1) / mask.sum(1).clamp(min=1e-9)
            vectors = torch.nn.functional.normalize(mean, dim=1)
        return (Tensor.of("vectors", "FP32", vectors.float().cpu().numpy()),)

    def release(self) -> None:
        self._model = self._tokenizer = None


def choose_device(wanted: Device) -> Device:
    """The device to use. Raises Unusable if CUDA is asked for by name and there is none."""
    count = torch.cuda.device_count()
    if wanted.type == "cuda" and wanted.index >= count:
        raise Unusable(f"there is no {wanted}: PyTorch sees {count} CUDA devices")
    if wanted.type == "auto":
        return Device(type="cuda" if count else "cpu")
    return wanted


BACKEND = SentenceEncoder
