"""Resizing as two matrix products, so that pictures of many sizes are resized at once on a GPU.

The weights are those of OpenCV's INTER_AREA, which the CPU uses: each target pixel is the mean of what it
covers, or a mix of two neighbours where the picture grows (modules/imgproc/src/resize.cpp).
"""

import functools

import numpy as np
import torch
from numpy.typing import NDArray

CACHED = 4096  # pairs of lengths


@functools.lru_cache(maxsize=CACHED)
def weights(length: int, side: int, grows: bool) -> NDArray[np.float32]:
    """Of shape side x length: how much of each source pixel is in each target pixel; rows add up to 1."""
    return _mixed(length, side) if grows else _covered(length, side)


def _covered(length: int, side: int) -> NDArray[np.float32]:
    scale = length / side
    starts = np.arange(side)[:, None] * scale
    pixels = np.arange(length)[None, :]
    overlap = np.minimum(starts + scale, pixels + 1) - np.maximum(starts, pixels)
    found: NDArray[np.float32] = (np.maximum(overlap, 0) / scale).astype(np.float32)
    return found


def _mixed(length: int, side: int) -> NDArray[np.float32]:
    growth = side / length
    scale = 1 / growth  # not length / side: where a target begins at a source pixel, the last bit decides
    targets = np.arange(side)
    left = np.floor(targets * scale).astype(int)
    part = ((targets + 1) - (left + 1) * growth).astype(np.float32)  # as there: just below 1 is 1, and then 0
    part = np.where(part <= 0, 0.0, part - np.floor(part))
    found = np.zeros((side, length), np.float32)
    np.add.at(found, (targets, np.minimum(left, length - 1)), 1 - part)
    np.add.at(found, (targets, np.minimum(left + 1, length - 1)), part)
    return found


class Resizer:
    """Canvases of uint8 pictures to squares of uint8. Keeps the weights of sizes seen on the device."""

    def __init__(self, side: int, device: torch.device, dtype: torch.dtype) -> None:
        self._side = side
        self._device = device
        self._dtype = dtype
        self._pairs = functools.lru_cache(maxsize=CACHED)(self._pair)

    def squares(self, canvas: torch.Tensor, sizes: list[tuple[int, int]]) -> torch.Tensor:
        """Canvas n x 3 x tall x wide with pictures of `sizes` (height, width) in their upper left corners.

        n x 3 x side x side, uint8.
        """
        tall, wide = canvas.shape[2:]
        pairs = [self._pairs(height, width, tall, wide) for height, width in sizes]
        if len(set(sizes)) == 1:
            down, across = pairs[0][0], pairs[0][1]
        else:
            down = torch.stack([pair[0] for pair in pairs]).unsqueeze(1)
            across = torch.stack([pair[1] for pair in pairs]).unsqueeze(1)
        mixed = down @ (canvas.to(self._dtype) @ across)
        return mixed.round_().clamp_(0, 255).to(torch.uint8)  # up to 2048 half precision has all integers

    def _pair(self, height: int, width: int, tall: int, wide: int) -> tuple[torch.Tensor, torch.Tensor]:
        grows = height < self._side or width < self._side
        down = np.zeros((self._side, tall), np.float32)
        down[:, :height] = weights(height, self._side, grows)
        across = np.zeros((wide, self._side), np.float32)
        across[:width] = weights(width, self._side, grows).T
        return (
            torch.from_numpy(down).to(self._device, self._dtype),
            torch.from_numpy(across).to(self._device, self._dtype),
        )
