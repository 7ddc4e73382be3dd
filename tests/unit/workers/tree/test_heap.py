"""The heap: blocks never overlap, and all comes together again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.errors import Overloaded, TooBig
from workers.tree.heap import BLOCK_BYTES_MIN, Heap

SIZE = 64 * BLOCK_BYTES_MIN


def fits(taken: dict[int, int], size: int) -> bool:
    """Whether a block of so many bytes is free where such a block may lie."""
    block = BLOCK_BYTES_MIN
    while block < size:
        block *= 2
    places = range(0, SIZE, block)
    return any(
        all(place + block <= start or start + room <= place for start, room in taken.items())
        for place in places
    )


@given(st.lists(st.tuples(st.booleans(), st.integers(0, SIZE)), max_size=100), st.integers(0, 4))
def test_blocks_are_apart_and_large_enough_and_all_come_back(
    steps: list[tuple[bool, int]], kept: int
) -> None:
    """Two requests in one place would answer each with the other's tensors."""
    heap = Heap(SIZE, kept)
    taken: dict[int, int] = {}
    for take, number in steps:
        if take:
            try:
                offset = heap.take(number)
            except Overloaded:
                assert not fits(taken, number)
                continue
            assert heap.room(offset) >= number
            ends = [(start, start + room) for start, room in taken.items()]
            assert all(offset + heap.room(offset) <= start or end <= offset for start, end in ends)
            assert offset + heap.room(offset) <= SIZE
            taken[offset] = heap.room(offset)
        elif taken:
            offset = sorted(taken)[number % len(taken)]
            heap.give(offset)
            del taken[offset]
        assert heap.used == sum(taken.values())
    for offset in taken:
        heap.give(offset)
    assert heap.take(SIZE) == 0  # in one piece again


def test_what_never_fits_is_told_apart_from_what_does_not_fit_now() -> None:
    """The one is the caller's 413, the other a 503 to try again."""
    heap = Heap(SIZE)
    with pytest.raises(TooBig):
        heap.take(SIZE + 1)
    heap.take(SIZE)
    with pytest.raises(Overloaded):
        heap.take(1)


def test_a_block_is_given_back_once() -> None:
    """Twice would hand it to two requests later."""
    heap = Heap(SIZE)
    offset = heap.take(1)
    heap.give(offset)
    with pytest.raises(KeyError):
        heap.give(offset)
