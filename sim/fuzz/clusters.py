"""The model servers' end under test: the real connection, and what two calls over it come to.

The only file that knows the names of the client. A change of them costs an edit here.
"""

import msgspec

from proxy.clusters.codec import encode_head
from proxy.clusters.connection import Connection
from proxy.clusters.limits import ClientLimits
from proxy.messages import Answer, Failure, Request, Target
from sim.fuzz.edge import Passed
from sim.fuzz.transport import StandInTransport
from sim.fuzz.weight import bytes_held

USUAL = ClientLimits()
TIGHT = ClientLimits(head_bytes_max=600, body_bytes_max=200)
HELD_BYTES_MAX = 4 * 1024

QUESTION = b"GET /v2/models/m HTTP/1.1\r\nHost: a\r\n\r\n"
SECOND = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond"
"""The answer to a second call, sent where the connection was given back for one."""


class Called(msgspec.Struct, kw_only=True):
    """What a call came to. `second` is that of the call after it, where there was one."""

    results: list[Answer | Failure]
    second: list[Answer | Failure]
    released: list[bool]
    reused: bool  # the connection was given back, and still takes a call when all bytes have come
    unasked: bool  # bytes came while no call was on its way
    held_bytes_max: int = 0

    @property
    def outcome(self) -> str:
        """In a word."""
        if len(self.results) != 1:
            return f"{len(self.results)} results"
        (result,) = self.results
        return result.outcome.value if isinstance(result, Failure) else "answer"


class ClustersUnderTest:
    """Makes one connection a stream."""

    def call(self, pieces: list[bytes], *, clean: bool, tight: bool = False, weighs: bool = False) -> Called:
        """What a call comes to when a server sends `pieces`, and then ends the connection, `clean` or not."""
        released: list[bool] = []
        transport = StandInTransport()
        connection = Connection(TIGHT if tight else USUAL, lambda _, reusable: released.append(reusable))
        connection.connection_made(transport)
        called = Called(results=[], second=[], released=released, reused=False, unasked=False)
        connection.send(QUESTION, b"", called.results.append)
        for piece in pieces:
            if not transport.open:
                break
            called.unasked = called.unasked or bool(called.results)
            connection.data_received(piece)
            if weighs:
                called.held_bytes_max = max(called.held_bytes_max, bytes_held(connection))
        if connection.usable and released == [True]:
            called.reused = True
            connection.send(QUESTION, b"", called.second.append)
            connection.data_received(SECOND)
        connection.eof_received()
        connection.connection_lost(None if clean else ConnectionResetError())
        return called


def written(passed: Passed) -> bytes:
    """A request as it is written to a model server."""
    request = Request(
        id="7", method=passed.method, target=passed.target, headers=passed.headers, body=passed.body
    )
    return encode_head(request, Target(url="http://m:1"), b"m:1", b"", 1.0) + request.body
