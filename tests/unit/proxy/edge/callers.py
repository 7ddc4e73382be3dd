"""A caller's connection without a network: a service that answers on command."""

from collections.abc import Callable

from proxy.edge.connection import Connection
from proxy.edge.limits import EdgeLimits
from proxy.edge.message import Message
from proxy.edge.reply import encode_answer
from proxy.messages import Answer
from tests.stand_ins.clock import ManualClock
from tests.stand_ins.transport import RecordingTransport

GET = b"GET /v2 HTTP/1.1\r\nHost: a\r\n\r\n"
OFFER = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"


def post(body: bytes, *fields: bytes) -> bytes:
    lines = [b"POST /v2/models/m/infer HTTP/1.1", b"Host: a", b"Content-Length: %d" % len(body), *fields]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def chunked(body: bytes, *fields: bytes) -> bytes:
    lines = [b"POST /v2/models/m/infer HTTP/1.1", b"Host: a", b"Transfer-Encoding: chunked", *fields]
    chunks = b"".join(b"%x\r\n%b\r\n" % (1, body[place : place + 1]) for place in range(len(body)))
    return b"\r\n".join(lines) + b"\r\n\r\n" + chunks + b"0\r\n\r\n"


class OneServing:
    """A request being served; `cancelled` once its caller left."""

    def __init__(self, message: Message, answered: Callable[[bytes, bool], None]) -> None:
        self.message = message
        self.cancelled = False
        self._answered = answered

    def answer(self, body: bytes = b"yes") -> None:
        data = encode_answer(Answer(status=200, body=body), b"", keep_alive=self.message.keep_alive)
        self._answered(data, self.message.keep_alive)

    def cancel(self) -> None:
        self.cancelled = True


class ManualService:
    """Keeps what it was asked to serve; answers at once where `at_once` says so."""

    def __init__(self) -> None:
        self.servings: list[OneServing] = []
        self.faults: list[int] = []
        self.at_once = False
        self.distressed = False
        self.screened: list[Message] = []
        self.turned_away: Answer | None = None

    def screen(self, message: Message) -> Answer | None:
        self.screened.append(message)
        return self.turned_away

    def serve(self, message: Message, answered: Callable[[bytes, bool], None]) -> OneServing:
        serving = OneServing(message, answered)
        self.servings.append(serving)
        if self.at_once:
            serving.answer(message.body or b"yes")
        return serving

    def count_fault(self, status: int) -> None:
        self.faults.append(status)


class Caller:
    """One connection with all that surrounds it."""

    def __init__(self, limits: EdgeLimits | None = None) -> None:
        self.service = ManualService()
        self.clock = ManualClock()
        self.transport = RecordingTransport()
        self.connections: set[Connection] = set()
        self.connection = Connection(
            service=self.service,  # type: ignore[arg-type]
            limits=limits or EdgeLimits(),
            clock=self.clock,
            connections=self.connections,
        )
        self.connection.connection_made(self.transport)

    def sends(self, data: bytes) -> None:
        self.connection.data_received(data)

    def received(self) -> bytes:
        return bytes(self.transport.written)

    def statuses(self) -> list[int]:
        """The statuses of all answers so far, in order."""
        return [int(part[:3]) for part in self.received().split(b"HTTP/1.1 ")[1:]]
