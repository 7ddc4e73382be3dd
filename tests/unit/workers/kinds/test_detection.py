"""Detection's post-processing, against heads made by hand and against the package's own code."""

import importlib.resources

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nudenet import nudenet

from workers.kinds.detection import DetectionOptions, Frame, find, to_batch
from workers.pictures import decode_picture, fitted

OPTIONS = DetectionOptions(classes=["cat", "dog"], risky={"dog": 0.5})


def head_of(*anchors: tuple[float, ...]) -> np.ndarray:
    return np.array(anchors, np.float32).T.reshape(-1, len(anchors))


def test_a_box_comes_back_in_the_pictures_own_pixels() -> None:
    """Centre and size in the model's square become corners on the picture, twice as large here."""
    head = head_of((50, 40, 20, 10, 0.1, 0.9))
    found = find(head, Frame(width=640, height=200, scale=2), OPTIONS)
    assert found.boxes.tolist() == [[80, 70, 120, 90]]
    assert found.classes.tolist() == [1]
    assert found.scores.tolist() == [np.float32(0.9)]


def test_of_two_boxes_over_one_thing_the_surer_stays() -> None:
    """And a weak one never counts; one elsewhere does."""
    head = head_of(
        (50, 40, 20, 20, 0, 0.6), (51, 40, 20, 20, 0, 0.8), (90, 40, 8, 8, 0.3, 0), (9, 9, 4, 4, 0.2, 0)
    )
    found = find(head, Frame(width=320, height=320, scale=1), OPTIONS)
    assert found.scores.tolist() == [np.float32(0.8), np.float32(0.3)]
    assert found.classes.tolist() == [1, 0]


def test_nothing_sure_is_an_empty_finding() -> None:
    """Most pictures: arrays of no rows, of the right width."""
    found = find(head_of((50, 40, 20, 20, 0.1, 0.1)), Frame(width=9, height=9, scale=1), OPTIONS)
    assert (found.boxes.shape, found.classes.shape, found.scores.shape) == ((0, 4), (0,), (0,))


def test_a_box_beyond_the_edge_is_cut() -> None:
    """A caller crops with it."""
    found = find(head_of((2, 2, 20, 20, 0, 0.9)), Frame(width=10, height=8, scale=1), OPTIONS)
    assert found.boxes.tolist() == [[0, 0, 10, 8]]


@given(st.integers(0, 2**32 - 1), st.integers(40, 900), st.integers(40, 900))
def test_it_agrees_with_the_packages_own_code(seed: int, width: int, height: int) -> None:
    """The very boxes, on heads at random; only the package cuts to whole pixels."""
    rng = np.random.default_rng(seed)
    head = np.concatenate([rng.uniform(10, 310, (4, 12)), rng.uniform(0, 1, (18, 12)) ** 8]).astype(
        np.float32
    )
    longer = max(width, height)
    theirs = nudenet._postprocess(
        [head[None]],
        longer - width,
        longer - height,
        longer / width,
        longer / height,
        width,
        height,
        320,
        320,
    )
    options = DetectionOptions(classes=[str(number) for number in range(18)], risky={})
    ours = find(head, Frame(width=width, height=height, scale=longer / 320), options)
    assert ours.scores.tolist() == [detection["score"] for detection in theirs]
    for box, detection in zip(ours.boxes, theirs, strict=True):
        left, top, wide, high = detection["box"]
        assert box == pytest.approx([left, top, left + wide, top + high], abs=2)


def test_a_batch_is_planes_of_colour_from_0_to_1() -> None:
    """Red first, unless the model wants blue first."""
    blue = np.zeros((2, 2, 3), np.uint8)
    blue[:, :, 0] = 255
    assert to_batch([blue], blue_first=False)[0, :, 0, 0].tolist() == [0, 0, 1]
    assert to_batch([blue], blue_first=True)[0, :, 0, 0].tolist() == [1, 0, 0]
    assert to_batch([blue, blue], blue_first=True).shape == (2, 3, 2, 2)


@pytest.mark.parametrize("name", ["china.jpg", "flower.jpg"])
def test_a_photograph_reaches_the_model_as_the_package_feeds_it(name: str) -> None:
    """Within one level of brightness of 255: the sampling is the same, its rounding is not."""
    raw = (importlib.resources.files("sklearn") / "datasets" / "images" / name).read_bytes()
    theirs, *_ = nudenet._read_image(raw, 320)
    square, _ = fitted(decode_picture(raw), 320)
    assert np.abs(to_batch([square], blue_first=True) - theirs).max() < 1.01 / 255
