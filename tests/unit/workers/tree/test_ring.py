"""The ring: everything once, in order, whoever is interrupted where."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.tree.ring import CELLS, HEAD, Ring, RingFull, ring_bytes


def words(messages_max: int) -> memoryview:
    return memoryview(bytearray(ring_bytes(messages_max))).cast("Q")


@given(st.integers(1, 7), st.lists(st.booleans(), max_size=200))
def test_what_goes_in_comes_out_once_and_in_order(size: int, pushes: list[bool]) -> None:
    """Any interleaving of both ends, around the ring many times."""
    memory = words(size)
    producer, consumer = Ring(memory), Ring(memory)
    sent: list[int] = []
    got: list[int] = []
    for push in pushes:
        if push and len(producer) < size:
            sent.append(2**63 + len(sent))
            producer.push(sent[-1])
        else:
            got += consumer.pop_all()
    assert got + consumer.pop_all() == sent


def test_one_too_many_is_a_bug_and_overwrites_nothing() -> None:
    """The producer bounds what is on its way; if it does not, no message may be lost in silence."""
    ring = Ring(words(2))
    ring.push(1)
    ring.push(2)
    with pytest.raises(RingFull):
        ring.push(3)
    assert ring.pop_all() == [1, 2]


def test_a_producer_that_dies_in_the_middle_has_published_nothing() -> None:
    """The cell is written before the head: a message is there wholly or not at all."""
    memory = words(2)
    ring = Ring(memory)
    ring.push(1)
    memory[CELLS + memory[HEAD] % 2] = 99  # what a kill between the two stores leaves
    assert ring.pop_all() == [1]
    assert ring.pop_all() == []


def test_a_cleared_ring_is_empty_and_works() -> None:
    """Its next user begins anew."""
    ring = Ring(words(2))
    ring.push(1)
    ring.clear()
    assert ring.pop_all() == []
    ring.push(2)
    assert ring.pop_all() == [2]
