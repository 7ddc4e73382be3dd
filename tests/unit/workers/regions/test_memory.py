"""A region that is read and written by its descriptor, and whose owner may do with it what it likes."""

import os
from collections.abc import Iterator

import pytest

from workers.oip.places import Place
from workers.regions.errors import BadRegion
from workers.regions.memory import Memory
from workers.regions.region import Region


@pytest.fixture
def object_() -> Iterator[int]:
    """16 bytes; the test is their owner."""
    file = os.memfd_create("object")
    os.pwrite(file, bytes(range(16)), 0)
    yield file
    os.close(file)


@pytest.fixture
def memory(object_: int) -> Memory:
    """8 bytes of it, from the fourth."""
    return Memory(Region(name="r", key="k", offset=4, size=8), os.dup(object_))


def place(offset: int, size: int) -> Place:
    return Place(region="r", offset=offset, size=size)


def test_a_place_counts_from_the_regions_start(memory: Memory, object_: int) -> None:
    """And what is beside it stays as it was."""
    assert memory.read(place(2, 3)) == bytes((6, 7, 8))
    memory.write(place(2, 3), b"abc")
    assert os.pread(object_, 16, 0) == bytes(range(6)) + b"abc" + bytes(range(9, 16))


@pytest.mark.parametrize(
    ("offset", "size", "words"),
    [
        (0, 8, ""),
        (7, 1, ""),
        (8, 1, "Invalid offset for shared memory region: 'r'"),
        (2**64 - 8, 16, "Invalid offset for shared memory region: 'r'"),
        (0, 9, r"Invalid offset \+ byte size for shared memory region: 'r'"),
        (4, 5, r"Invalid offset \+ byte size for shared memory region: 'r'"),
        (0, 0, r"Invalid offset \+ byte size for shared memory region: 'r'"),
    ],
)
def test_a_place_outside_is_told_in_tritons_words(memory: Memory, offset: int, size: int, words: str) -> None:
    """Not in the region is not in the region, whatever else the object holds."""
    if not words:
        memory.check(place(offset, size))
        return
    with pytest.raises(BadRegion, match=f"^{words}$"):
        memory.check(place(offset, size))


@pytest.mark.parametrize("left", [0, 4, 9])
def test_an_object_cut_off_is_an_error_and_stays_cut_off(memory: Memory, object_: int, left: int) -> None:
    """A mapping would be the server's death; a write must not make it grow again."""
    os.ftruncate(object_, left)
    with pytest.raises(BadRegion, match="'r' cannot be read: its object has become smaller"):
        memory.read(place(0, 8))
    with pytest.raises(BadRegion, match="'r' cannot be written: its object has become smaller"):
        memory.write(place(0, 8), b"12345678")
    assert os.fstat(object_).st_size == left


def test_it_is_closed_when_nobody_refers_to_it(object_: int) -> None:
    """A request that began before it was unregistered ends as it began; then nothing is held."""
    file = os.dup(object_)
    memory = Memory(Region(name="r", key="k", size=16), file)
    table = {"r": memory}
    del table["r"]
    assert memory.read(place(0, 1)) == b"\0"
    del memory
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(file)


def test_what_the_system_refuses_is_told(object_: int) -> None:
    """A memory that is full, or sealed."""
    file = os.open(f"/proc/self/fd/{object_}", os.O_RDONLY)
    memory = Memory(Region(name="r", key="k", size=16), file)
    with pytest.raises(BadRegion, match="'r' cannot be written: Bad file descriptor"):
        memory.write(place(0, 1), b"x")
    file = os.open(f"/proc/self/fd/{object_}", os.O_WRONLY)
    memory = Memory(Region(name="r", key="k", size=16), file)
    with pytest.raises(BadRegion, match="'r' cannot be read: Bad file descriptor"):
        memory.read(place(0, 1))
