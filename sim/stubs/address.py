"""The address of a stub: kept for as long as the stub lives, whether or not anybody listens there.

A bound socket that does not listen refuses connections, and nobody else is given its port meanwhile:
so a stub can die and come back where it was.
"""

import contextlib
import socket

BACKLOG = 4096


class Address:
    """`host` and a port; port 0 = any free one, told by `port` from then on.

    Raises OSError when the port is another's.
    """

    def __init__(self, host: str, port: int) -> None:
        if port:
            with contextlib.closing(
                _socket()
            ) as probe:  # SO_REUSEPORT would share it with the other, silently
                probe.bind((host, port))
                probe.listen()
        self._holder = _socket()
        try:
            self._share_and_bind(self._holder, host, port)
        except OSError:
            self._holder.close()
            raise
        self.host = host
        self.port: int = self._holder.getsockname()[1]

    def listen(self) -> socket.socket:
        """A new listening socket; from now on connections are accepted until it is closed."""
        listener = _socket()
        self._share_and_bind(listener, self.host, self.port)
        listener.listen(BACKLOG)
        return listener

    def release(self) -> None:
        """Let the port go."""
        self._holder.close()

    @staticmethod
    def _share_and_bind(each: socket.socket, host: str, port: int) -> None:
        each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        each.bind((host, port))


def _socket() -> socket.socket:
    # The protocol is named because asyncio sets TCP_NODELAY only where it is.
    each = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    each.setblocking(False)
    return each
