"""The address that all fronts listen on: held for the server's whole life, whichever of them lives.

The supervisor binds it and does not listen, so that port 0 becomes one port for all, and stays theirs while
a front is started again. Only processes of the same user can listen there too.
"""

import socket

from workers.serving import CannotListen


class Reservation:
    """From the start to `release`; `address` is what is really bound."""

    def __init__(self, host: str, port: int) -> None:
        """Raises CannotListen, also where another server of this kind is there."""
        self._held: list[socket.socket] = []
        asked = port
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
            for family, _, _, _, where in found:
                # A plain bind fails where anybody listens; a shared one may not.
                plain = _bind(family, str(where[0]), port, shared=False)
                port = plain.getsockname()[1]
                plain.close()
                self._held.append(_bind(family, str(where[0]), port, shared=True))
        except OSError as error:
            self.release()
            raise CannotListen(f"cannot listen on {host}:{asked}: {error.strerror}") from error
        self.host = host
        self.port = port
        self.address: tuple[str, int] = self._held[0].getsockname()[:2]

    def release(self) -> None:
        """Let the address go."""
        for held in self._held:
            held.close()
        self._held = []


def _bind(family: int, host: str, port: int, *, shared: bool) -> socket.socket:
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound
