"""Resizing as products: the same picture as OpenCV's, in any company."""

import cv2
import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from workers.pictures import squared
from workers.pytorch.resizing import Resizer, weights

SIDES = st.tuples(st.integers(1, 300), st.integers(1, 300))


def canvas_of(pictures: list[np.ndarray]) -> torch.Tensor:
    tall = max(len(picture) for picture in pictures)
    wide = max(picture.shape[1] for picture in pictures)
    canvas = np.full(
        (len(pictures), tall, wide, 3), 199, np.uint8
    )  # what lies around a picture must not show
    for place, picture in zip(canvas, pictures, strict=True):
        place[: len(picture), : picture.shape[1]] = picture
    return torch.from_numpy(canvas).permute(0, 3, 1, 2)


@settings(deadline=None, max_examples=40)
@given(st.lists(SIDES, min_size=1, max_size=4), st.sampled_from([torch.float32, torch.float16]))
@example([(1, 234)], torch.float32)  # grows one way: targets that begin just at a source pixel
@example([(58, 246)], torch.float32)
def test_a_square_is_within_one_level_of_opencvs(sizes: list[tuple[int, int]], dtype: torch.dtype) -> None:
    """A model must not see another picture on a GPU than on the CPU."""
    chance = np.random.default_rng(sum(map(sum, sizes)))
    pictures = [chance.integers(0, 256, (height, width, 3), np.uint8) for height, width in sizes]
    resizer = Resizer(64, torch.device("cpu"), dtype)
    found = resizer.squares(canvas_of(pictures), sizes).permute(0, 2, 3, 1).numpy()
    wanted = np.stack([squared(picture, 64) for picture in pictures])
    assert np.abs(found.astype(int) - wanted).max() <= 1


@given(st.integers(1, 2000), st.integers(1, 300), st.booleans())
def test_the_weights_of_a_pixel_add_up_to_1(length: int, side: int, grows: bool) -> None:
    """Brightness is kept, also at the edges."""
    if grows != (length < side):
        return
    assert weights(length, side, grows).sum(1) == pytest.approx(np.ones(side), abs=1e-4)


def test_the_middle_is_cut_out_when_asked() -> None:
    """Some models were trained so."""
    picture = np.zeros((10, 30, 3), np.uint8)
    picture[:, 10:20] = 255
    assert squared(picture, 5, crop=True).min() == 255
    assert squared(picture, 5).min() == 0
    assert squared(picture, 10, crop=True).shape == cv2.resize(picture, (10, 10)).shape
