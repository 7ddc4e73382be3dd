"""Accepting connections, begun and ended in a call."""

import asyncio
import socket

import pytest

from sim.stubs.address import Address
from sim.stubs.listener import Listener


class Guest(asyncio.Protocol):
    """Tells when it is connected, and whether its socket sends small pieces at once."""

    def __init__(self) -> None:
        self.at_once = asyncio.get_running_loop().create_future()

    def connection_made(self, transport) -> None:
        connected = transport.get_extra_info("socket")
        self.at_once.set_result(bool(connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)))
        transport.close()


async def test_small_pieces_are_sent_at_once() -> None:
    """Held back by the kernel for an acknowledgement, an answer in two pieces would take 40 ms more."""
    address = Address("127.0.0.1", 0)
    guest = Guest()
    listener = Listener(address.listen(), lambda: guest)
    _, writer = await asyncio.open_connection("127.0.0.1", address.port)
    assert await guest.at_once
    writer.close()
    listener.close()
    await listener.settle()
    address.release()


async def test_whoever_waits_when_it_closes_is_turned_away() -> None:
    """A client in the backlog of a process that died must learn of it, and not wait for ever."""
    address = Address("127.0.0.1", 0)
    listener = Listener(address.listen(), asyncio.Protocol)
    client = socket.create_connection(("127.0.0.1", address.port))
    listener.close()
    with client, pytest.raises(ConnectionResetError):
        client.recv(1)
    await listener.settle()
    address.release()
