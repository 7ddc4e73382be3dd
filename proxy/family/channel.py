"""The channel between the supervisor and one child: a socket pair, and typed frames on it.

A frame is four bytes of length, most significant first, and a msgpack map. The end of the channel is how
each side learns that the other has died.
"""

import asyncio
import socket
from typing import Any, Generic, Self, TypeVar

import msgspec

HEAD_BYTES = 4

FRAME_BYTES_MAX = 32 * 1024**2
"""A table of the largest size with its slots, and some."""

UNSENT_BYTES_MAX = 64 * 1024**2
"""What waits for an end that does not read; beyond it, it is as good as dead."""

CLOSED_S_MAX = 1.0
"""How long last words may take: the other end may stand still."""

T = TypeVar("T")


class Channel(Generic[T]):
    """One end. `T` is what arrives at it."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, decoder: msgspec.msgpack.Decoder[T]
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._decode = decoder.decode

    @classmethod
    async def over(cls, end: socket.socket, incoming: Any) -> Self:
        """A channel over one end of a socket pair; `incoming` is the type of what arrives."""
        reader, writer = await asyncio.open_unix_connection(sock=end)
        return cls(reader, writer, msgspec.msgpack.Decoder(incoming))

    def send(self, message: msgspec.Struct) -> bool:
        """Send, in order. False where the other end has stopped reading, or has gone."""
        if self._writer.is_closing():
            return False
        data = msgspec.msgpack.encode(message)
        self._writer.write(len(data).to_bytes(HEAD_BYTES, "big") + data)
        return self._writer.transport.get_write_buffer_size() <= UNSENT_BYTES_MAX

    @property
    def unsent_bytes(self) -> int:
        """What waits for the other end to read."""
        return self._writer.transport.get_write_buffer_size()

    async def receive(self) -> T | None:
        """The next message; None at the end, also where what arrived cannot be understood."""
        try:
            size = int.from_bytes(await self._reader.readexactly(HEAD_BYTES), "big")
            if size > FRAME_BYTES_MAX:
                return None
            return self._decode(await self._reader.readexactly(size))
        except (asyncio.IncompleteReadError, ConnectionError, msgspec.MsgspecError):
            return None

    async def close(self) -> None:
        """Send what waits, if the other end reads it in time, then end the channel."""
        self._writer.close()
        try:
            await asyncio.wait_for(self._writer.wait_closed(), CLOSED_S_MAX)
        except ConnectionError:
            return  # the other end has gone first
        except TimeoutError:
            self._writer.transport.abort()
