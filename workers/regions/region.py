"""A region as its caller describes it, and what front and supervisor tell each other of regions."""

import msgspec

from workers.errors import WorkerError

GREETING = -1
"""The serial of what a front is told at its start, which nobody waits for."""


class Region(msgspec.Struct, frozen=True, kw_only=True):
    """`key` is the shared memory object's, as `shm_open` takes it; offset and size are bytes in it."""

    name: str
    key: str
    offset: int = 0
    size: int


class Wish(msgspec.Struct, frozen=True):
    """From a front: a caller wants this registered, or else the name unregistered; without a name, all."""

    serial: int
    region: Region | None = None
    name: str = ""


class Granted(msgspec.Struct, frozen=True):
    """To a front: the wish holds in all fronts; or why it does not."""

    serial: int
    error: WorkerError | None = None


class Share(msgspec.Struct, frozen=True):
    """To a front: there is a region. With: its descriptor."""

    serial: int
    region: Region


class Drop(msgspec.Struct, frozen=True):
    """To a front: there is no region of that name any more; without a name, none at all."""

    serial: int
    name: str


class Took(msgspec.Struct, frozen=True):
    """From a front: it acts by that Share or Drop from now on; words where it cannot."""

    serial: int
    words: str = ""
