"""Listening sockets of a front. Several processes may share an address: the kernel deals connections out."""

import socket


def listen(host: str, port: int, *, shared: bool = False) -> list[socket.socket]:
    """Bound sockets for all addresses of `host`; port 0 takes any, the same for all. Raises OSError.

    `shared`: other processes of the same user bind the same address, each with this set (SO_REUSEPORT).
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    bound: list[socket.socket] = []
    try:
        for family, _, _, _, address in dict.fromkeys(found):
            made = socket.socket(family, socket.SOCK_STREAM)
            bound.append(made)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if shared:
                made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if family == socket.AF_INET6:
                made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            taken = port or bound[0].getsockname()[1]
            made.bind((address[0], taken, *address[2:]))
    except OSError:
        for each in bound:
            each.close()
        raise
    return bound
