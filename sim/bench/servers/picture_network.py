"""A picture classifier as one writes it for another server: a batch of JPEGs decoded by the GPU, resized.

The network is the one that `workers.bench.models` writes, in half precision, with the same resizing;
torchvision decodes.
"""

import importlib
from typing import Any

import torch
from numpy.typing import NDArray

from workers.bench.networks.residual import resnet50, resnet_toy
from workers.bench.networks.vision import vit_b16
from workers.pytorch.resizing import Resizer

SIDE = 224
CLASSES = 1000
NETWORKS: dict[str, Any] = {"resnet50": resnet50, "vit-b16": vit_b16, "resnet-toy": resnet_toy}


class PictureNetwork:
    """On the first GPU; on the CPU, to try it out, in full precision."""

    def __init__(self, name: str) -> None:
        cuda = torch.cuda.is_available()
        self._device = torch.device("cuda" if cuda else "cpu")
        self._dtype = torch.float16 if cuda else torch.float32
        torch.manual_seed(1125)
        network: Any = NETWORKS[name](CLASSES).eval().to(self._device, self._dtype)
        if name.startswith("resnet"):
            network = network.to(memory_format=torch.channels_last)
        self._network = network
        self._mean = torch.tensor([0.485, 0.456, 0.406], device=self._device).view(1, 3, 1, 1) * 255
        self._deviation = torch.tensor([0.229, 0.224, 0.225], device=self._device).view(1, 3, 1, 1) * 255
        self._resizer = Resizer(SIDE, self._device, self._dtype)
        self._cuda = cuda
        if cuda:
            self._decode: Any = importlib.import_module("torchvision.io").decode_jpeg
        else:
            self._decode = importlib.import_module("workers.pictures").decode_picture

    def risks(self, raws: list[bytes]) -> NDArray[Any]:
        """The first class's score of each picture; all are of one size."""
        with torch.inference_mode():
            if self._cuda:
                given = [torch.frombuffer(bytearray(raw), dtype=torch.uint8) for raw in raws]
                pictures = self._decode(given, device=self._device)
            else:
                pictures = [torch.from_numpy(self._decode(raw)).permute(2, 0, 1) for raw in raws]
            sizes = [(picture.shape[1], picture.shape[2]) for picture in pictures]
            squares = self._resizer.squares(torch.stack(pictures), sizes)
            bright = ((squares.float() - self._mean) / self._deviation).to(self._dtype)
            found: NDArray[Any] = self._network(bright).float().softmax(1)[:, :1].cpu().numpy()
        return found
