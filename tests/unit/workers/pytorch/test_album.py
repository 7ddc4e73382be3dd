"""Who decodes a picture of several models, and how long it is kept. No device: pixels are arrays here."""

import threading
from typing import Any

import numpy as np
import pytest

from workers.pytorch.album import AGE_S_MAX, WAIT_S_MAX, Album, Claim
from workers.token import Token

SIDE = 4
ROW_BYTES = 3 * SIDE * SIDE


class Moved:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def token(number: int, models: int = 2) -> Token:
    return Token(bytes([number]) * 16, models)


def pixels(rows: int, shade: int = 7) -> Any:
    return np.full((rows, 3, SIDE, SIDE), shade, np.uint8)


def decoded(album: Album, *tokens: Token | None) -> Claim:
    """A model looks at these, and decodes what is its own."""
    claim = album.claim(tokens, SIDE)
    album.settle(claim, pixels(len(claim.own)))
    return claim


def test_the_second_model_finds_what_the_first_decoded_and_then_it_is_gone() -> None:
    """With the place in its own batch, and the row in the other's."""
    album = Album()
    assert decoded(album, token(1), None, token(2)).own == [0, 1, 2]
    assert album.bytes == 3 * ROW_BYTES
    claim = decoded(album, None, token(2), token(1))
    assert claim.own == [0]
    found, missing = album.take(claim)
    ((array, places, rows),) = found.values()
    assert (array.shape[0], places, rows, missing) == (3, [1, 2], [2, 0], [])
    assert album.bytes == 0
    assert decoded(album, token(1)).own == [0]


def test_a_picture_waits_for_as_many_models_as_it_was_meant_for() -> None:
    """The third of three finds it too; another side is another picture."""
    album = Album()
    decoded(album, token(1, 3))
    assert album.claim([token(1, 3)], SIDE * 2).own == [0]
    for held in (ROW_BYTES, 0):
        assert album.take(decoded(album, token(1, 3)))[1] == []
        assert album.bytes == held


def test_a_model_waits_for_another_that_is_decoding() -> None:
    """Both were asked at once: one of them is enough."""
    album = Album()
    first = album.claim([token(1)], SIDE)
    second = album.claim([token(1)], SIDE)
    album.settle(second)
    taken: list[Any] = []
    waits = threading.Thread(target=lambda: taken.append(album.take(second)))
    waits.start()
    album.settle(first, pixels(1))
    waits.join(5)
    assert [missing for _, missing in taken] == [[]]
    assert album.bytes == 0


@pytest.mark.parametrize("broken", [False, True])
def test_what_came_to_nothing_each_decodes_for_itself(broken: bool) -> None:
    """The first ran out of memory, or its row is no picture: the second says so itself."""
    album = Album()
    first = album.claim([token(1)], SIDE)
    second = decoded(album, token(1))
    album.settle(first, pixels(1) if broken else None, frozenset({0}))
    assert album.take(second) == ({}, [0])
    assert album.bytes == 0
    assert decoded(album, token(1)).own == [0]


def test_a_batch_waits_for_others_once_and_not_row_by_row() -> None:
    """Or 128 rows of a decoder that hangs would wait for minutes; what comes too late for all is not kept."""
    clock = Moved()

    class Late(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            clock.now_s += timeout or 0.0
            return self.is_set()

    album = Album(clock=clock)
    first = album.claim([token(1), token(2)], SIDE)
    first.page.ready = Late()
    assert album.take(decoded(album, token(1), token(2)))[1] == [0, 1]
    assert clock.now_s == WAIT_S_MAX
    album.settle(first, pixels(2))
    assert album.bytes == 0
    assert album.claim([token(1)], SIDE).own == [0]


def test_pictures_that_a_model_never_asks_for_are_forgotten() -> None:
    """Its queue was full, or its deadline had passed: the device's memory is not theirs for ever."""
    clock = Moved()
    album = Album(clock=clock)
    decoded(album, token(1))
    clock.now_s = AGE_S_MAX
    decoded(album, token(2))
    assert album.bytes == 2 * ROW_BYTES
    clock.now_s = AGE_S_MAX + 1
    decoded(album, token(3))
    assert album.bytes == 2 * ROW_BYTES
    assert album.claim([token(1)], SIDE).own == [0]


def test_the_oldest_are_crowded_out() -> None:
    """The memory is bounded whatever callers do, and a picture that is gone is decoded again."""
    album = Album(2 * ROW_BYTES)
    for number in range(1, 4):
        decoded(album, token(number))
    assert album.bytes == 2 * ROW_BYTES
    assert album.claim([token(1), token(2)], SIDE).own == [0]
