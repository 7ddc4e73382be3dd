"""Kept-alive connections that do nothing: what each costs a peer in resident memory."""

import resource
import socket
import time
from contextlib import ExitStack

from sim.bench.peers.server import Server

SPARE = 500
"""File descriptors that are left for everything else."""

SETTLE_S = 0.3
ANSWER_S_MAX = 5.0


def connections_possible(wanted: int) -> int:
    """How many the limit of open files allows; it is raised as far as this user may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return max(0, min(wanted, hard - SPARE))


def connection_bytes(port: int, server: Server, request: bytes, count: int) -> float:
    """Open so many, one request over each, then silence. Raises OSError when one is refused."""
    before = server.rss_bytes()
    with ExitStack() as stack:
        for _ in range(count):
            connection = socket.create_connection(("127.0.0.1", port), timeout=ANSWER_S_MAX)
            stack.enter_context(connection)
            connection.sendall(request)
            if not connection.recv(65536).startswith(b"HTTP/1.1 200"):
                raise OSError("an idle connection's first request was not answered with 200")
        time.sleep(SETTLE_S)
        return (server.rss_bytes() - before) / count
