"""Where the load goes: a plain http URL on loopback, unless its host is allowed by name."""

import ipaddress
import socket
from collections.abc import Sequence
from urllib.parse import urlsplit

import msgspec

from sim.load.errors import PlanRefused

LOCALHOST = "localhost"
CONNECT_S_MAX = 3.0


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """One address and the path of its requests."""

    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """For the Host field."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def read_target(url: str, allowed: Sequence[str] = ()) -> Target:
    """The target that `url` names. Raises PlanRefused, saying why it gets no load."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or 80
    except ValueError as error:
        raise PlanRefused(f"{url!r}: {error}") from error
    if parts.scheme != "http" or not host:
        raise PlanRefused(f"{url!r} is not http://HOST:PORT/PATH (HTTP/1.1 without TLS is what is spoken)")
    if not is_loopback(host) and host not in allowed:
        raise PlanRefused(f"{host} is not this machine; --allow {host} says that it may be loaded")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not path.isascii() or any(each <= " " for each in path):
        raise PlanRefused(f"{path!r} cannot be a path: it wants percent encoding")
    return Target(host=host, port=port, path=path)


def is_loopback(host: str) -> bool:
    """Whether this is surely this very machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == LOCALHOST


def reached(target: Target) -> tuple[str, int]:
    """The first address of the target that takes a connection. Raises PlanRefused where none does."""
    said = "no address"
    try:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise PlanRefused(f"{target.authority}: {error.strerror or error}") from error
    for *_, address in found:
        host, port = str(address[0]), int(address[1])
        try:
            with socket.create_connection((host, port), CONNECT_S_MAX):
                return host, port
        except OSError as error:
            said = error.strerror or str(error)
    raise PlanRefused(f"nobody takes connections at {target.authority} ({said})")
