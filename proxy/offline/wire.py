"""How processes speak about one queue over its owner's socket: frames, the methods and their types.

A frame is four bytes of length, most significant first, and a msgpack array. The socket is for the same
user on the same machine; what arrives is typed and bounded all the same.
"""

import asyncio
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from proxy.errors import QueueUnusable
from proxy.messages import Answer
from proxy.tickets import Accepted, Claim, Envelope, QueueStats, Refused, Ticket, TicketStatus

HEAD_BYTES = 4

ADDRESS_BYTES_MAX = 100
"""Of a Unix socket's address; the kernels differ between 104 and 108."""


class WireLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Both ends' bounds."""

    frame_bytes_max: int = 160 * 1024**2  # a request or an answer of the largest size, and some
    claimed_bytes_max: int = 32 * 1024**2  # bodies beyond which one claim takes no further ticket
    in_flight_max: int = 64  # calls of one connection that the owner works on at a time
    waiting_ops_max: int = 1024  # calls of one client that wait for an answer
    waiting_bytes_max: int = 256 * 1024**2
    answer_s_max: float = 10.0  # that a client waits for the owner, where a caller is waiting for it


class Ask(msgspec.Struct, frozen=True, array_like=True):
    """A call of one method of the port."""

    serial: int
    method: str
    arguments: msgspec.Raw


class Told(msgspec.Struct, frozen=True, array_like=True):
    """What came of it: the value, or what went wrong in words."""

    serial: int
    error: str
    value: msgspec.Raw


class Method(msgspec.Struct, frozen=True):
    """The types of a method, and whether a caller waits for it."""

    arguments: Any
    result: Any
    awaited: bool = False


PutResult = tuple[Accepted | None, Refused | None]
"""Exactly one of the two; msgpack has no union of them."""

METHODS: dict[str, Method] = {
    "put": Method(tuple[Envelope], PutResult, awaited=True),
    "find": Method(tuple[str], Ticket | None, awaited=True),
    "cancel": Method(tuple[str], Ticket | None, awaited=True),
    "claim": Method(tuple[int, float], list[Claim]),
    "extend": Method(tuple[tuple[Claim, ...], float], int),
    "complete": Method(tuple[Claim, Answer], bool),
    "release": Method(tuple[Claim, float, str], bool),
    "bury": Method(tuple[Claim, str], bool),
    "sweep": Method(tuple[()], int),
    "stats": Method(tuple[()], QueueStats),
    "list": Method(tuple[TicketStatus | None, int, str], list[Ticket]),
    "redrive": Method(tuple[tuple[str, ...]], int),
    "purge": Method(tuple[TicketStatus, float], int),
}

encode = msgspec.msgpack.Encoder().encode


class FrameTooLarge(Exception):
    """The other end announces a frame beyond the limit."""


def frame(message: Ask | Told) -> bytes:
    """A message as it travels."""
    data = encode(message)
    return len(data).to_bytes(HEAD_BYTES, "big") + data


async def read_frame(reader: asyncio.StreamReader, bytes_max: int) -> bytes:
    """The next message's bytes. Raises IncompleteReadError at the end, FrameTooLarge."""
    size = int.from_bytes(await reader.readexactly(HEAD_BYTES), "big")
    if size > bytes_max:
        raise FrameTooLarge(f"{size} bytes")
    return await reader.readexactly(size)


def socket_path(database: Path) -> Path:
    """Where the owner of a queue file listens."""
    return database.with_name(database.name + ".sock")


@contextlib.contextmanager
def address_of(path: Path) -> Iterator[str]:
    """An address for `path` that is short enough for a socket, good within the `with`.

    A deep directory is reached through its descriptor. Raises QueueUnusable where that does not help,
    OSError where the directory is not there.
    """
    if len(os.fsencode(path)) <= ADDRESS_BYTES_MAX:
        yield str(path)
        return
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        address = f"/proc/self/fd/{directory}/{path.name}"
        if len(os.fsencode(address)) > ADDRESS_BYTES_MAX:
            raise QueueUnusable(f"{path}: the file's name is too long for a socket beside it")
        yield address
    finally:
        os.close(directory)
