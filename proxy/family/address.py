"""The address that all processes listen on: held for the proxy's whole life, whoever of them lives.

The supervisor binds it and does not listen, so that port 0 becomes one port for all, and stays theirs
while a child is restarted. Only processes of the same user can listen there too.
"""

import socket

from proxy.errors import AddressInUse


class Reservation:
    """From the start to `release`. `named` is what children listen on, `address` what is really bound."""

    def __init__(self, host: str, port: int) -> None:
        """Raises AddressInUse, also where another proxy of several processes is there."""
        self._held: list[socket.socket] = []
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
            for family, _, _, _, where in found:
                for shared in (False, True):  # a plain bind fails where anybody listens, a shared one may not
                    held = _bind(family, str(where[0]), port, shared=shared)
                    port = held.getsockname()[1]
                    if shared:
                        self._held.append(held)
                    else:
                        held.close()
        except OSError as error:
            self.release()
            raise AddressInUse.of(host, port, error) from error
        self.named = (host, port)
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
