"""The channel between the supervisor and one child: packets that keep their bounds, with descriptors.

A message is a msgspec value or an Entry with foreign options, so it is pickled: both ends are this program,
and nothing of a caller travels here. The end of the channel is how each side learns that the other has died.
"""

import array
import errno
import os
import pickle
import socket
from collections import deque
from typing import Any

MESSAGE_BYTES_MAX = 180_000  # below the kernel's least buffer for a socket
ANCILLARY_BYTES = socket.CMSG_SPACE(8 * array.array("i").itemsize)
UNSENT_MAX = 4096  # messages for an end that does not read; beyond it, it is as good as dead


class TooLong(Exception):
    """A message over the limit: a model's configuration of that size, say."""


class Channel:
    """One end, never blocking to receive."""

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        self._end = end
        self._unsent: deque[tuple[bytes, list[int]]] = deque()
        self.gone = False

    def fileno(self) -> int:
        """For whoever waits until it can be read."""
        return self._end.fileno()

    def send(self, message: object, *descriptors: int) -> None:
        """Send, in order; what the other end has no room for waits for `flush`. Raises TooLong.

        Quiet where the other end has gone, which `receive` tells. The descriptors stay the caller's.
        """
        data = pickle.dumps(message)
        if len(data) > MESSAGE_BYTES_MAX:
            raise TooLong(
                f"{type(message).__name__} takes {len(data)} bytes; {MESSAGE_BYTES_MAX} are possible"
            )
        self._unsent.append((data, [os.dup(descriptor) for descriptor in descriptors]))
        self.flush()

    def flush(self) -> None:
        """Send what waits, as far as there is room."""
        while self._unsent and not self.gone:
            data, descriptors = self._unsent[0]
            try:
                socket.send_fds(self._end, [data], descriptors)
            except BlockingIOError:
                self.gone = len(self._unsent) > UNSENT_MAX
                return
            except OSError as error:
                # Of descriptors on their way the kernel counts those of all this user's processes.
                if error.errno == errno.ETOOMANYREFS:
                    return
                if not isinstance(error, (BrokenPipeError, ConnectionResetError)):
                    raise
                self.gone = True
            self._drop()

    def _drop(self) -> None:
        for descriptor in self._unsent.popleft()[1]:
            os.close(descriptor)

    def receive(self) -> list[tuple[Any, list[int]]]:
        """All messages that are there, each with its descriptors; `gone` is true once the other end is."""
        found = []
        while (message := self.receive_one()) is not None:
            found.append(message)
        return found

    def receive_one(self) -> tuple[Any, list[int]] | None:
        """The next message, if it is there."""
        try:
            data, ancillary, _, _ = self._end.recvmsg(
                MESSAGE_BYTES_MAX, ANCILLARY_BYTES, socket.MSG_CMSG_CLOEXEC
            )
        except BlockingIOError:
            return None
        except ConnectionResetError:
            data, ancillary = b"", []
        if not data:
            self.gone = True
            return None
        return pickle.loads(data), _descriptors(ancillary)  # noqa: S301 - see above

    def close(self) -> None:
        """Let it go, with what was not sent."""
        while self._unsent:
            self._drop()
        self._end.close()


def make_channel() -> tuple[Channel, socket.socket]:
    """The parent's end, and the child's."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    return Channel(ours), theirs


def _descriptors(ancillary: list[tuple[int, int, bytes]]) -> list[int]:
    found = array.array("i")
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            found.frombytes(data[: len(data) - len(data) % found.itemsize])
    return list(found)
