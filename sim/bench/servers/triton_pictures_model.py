"""Runs in Triton's Python backend: decode a batch on the GPU, resize, and run the network."""

import importlib
from typing import Any

import torch

from workers.bench.models import NETWORKS
from workers.pytorch.resizing import Resizer

pb: Any = importlib.import_module("triton_python_backend_utils")
SIDE = 224


class TritonPythonModel:
    """What the backend calls."""

    def initialize(self, args: dict[str, Any]) -> None:
        """Load."""
        json = importlib.import_module("json")
        name = json.loads(args["model_config"])["parameters"]["network"]["string_value"]
        self.cuda = torch.cuda.is_available()
        self.device = torch.device("cuda" if self.cuda else "cpu")
        dtype = torch.float16 if self.cuda else torch.float32
        torch.backends.cudnn.benchmark = self.cuda
        torch.manual_seed(1125)
        made: Any = NETWORKS[name](1000)
        self.network = made.eval().to(self.device).to(dtype)
        if name.startswith("resnet"):
            self.network = self.network.to(memory_format=torch.channels_last)
        self.mean = torch.tensor([0.485, 0.456, 0.406], device=self.device).view(1, 3, 1, 1) * 255
        self.deviation = torch.tensor([0.229, 0.224, 0.225], device=self.device).view(1, 3, 1, 1) * 255
        self.dtype = dtype
        self.resizer = Resizer(SIDE, self.device, dtype)
        self.decode = importlib.import_module("torchvision.io").decode_jpeg

    def execute(self, requests: list[Any]) -> list[Any]:
        """One batch, of many requests."""
        raws: list[torch.Tensor] = []
        counts = []
        for request in requests:
            data = pb.get_input_tensor_by_name(request, "IMAGE").as_numpy().ravel()
            raws += [torch.frombuffer(bytearray(raw), dtype=torch.uint8) for raw in data]
            counts.append(len(data))
        with torch.inference_mode():
            pictures = self.decode(raws, device=self.device)
            sizes = [(picture.shape[1], picture.shape[2]) for picture in pictures]
            squares = self.resizer.squares(torch.stack(pictures), sizes)
            bright = ((squares.float() - self.mean) / self.deviation).to(self.dtype)
            scores = self.network(bright).float().softmax(1)[:, :1].cpu().numpy()
        answers = []
        at = 0
        for count in counts:
            answers.append(pb.InferenceResponse([pb.Tensor("RISK", scores[at : at + count])]))
            at += count
        return answers
