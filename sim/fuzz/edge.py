"""The callers' end under test: the real connection and service, over a pipeline that notes what it is given.

The only file that knows the names of the edge. A change of them costs an edit here.
"""

import random
from collections.abc import Callable
from typing import Any, cast

import msgspec

from proxy.edge.connection import Connection
from proxy.edge.limits import EdgeLimits
from proxy.edge.service import Service
from proxy.messages import Answer, Reply, Request, Verdict
from proxy.observe.meters import Meters
from proxy.qos.guard import ALL_SERVED
from sim.fuzz.transport import StandInTransport
from sim.fuzz.weight import bytes_held

USUAL = EdgeLimits()
TIGHT = EdgeLimits(
    body_bytes_max=200,
    target_bytes_max=120,
    head_bytes_max=600,
    headers_max=12,
    pipelined_bytes_max=64,
    linger_bytes_max=500,
)
HELD_BYTES_MAX = 2 * 1024
"""What a connection with the tight limits may hold: each of them once or twice, and what Python adds."""

ECHO = b"request %d"
"""The body that answers the n-th request given to the pipeline: an answer out of its place shows."""


class Passed(msgspec.Struct, frozen=True):
    """A request as the pipeline was given it."""

    method: bytes
    target: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


class Exchange:
    """A request that the pipeline holds until it is told to answer."""

    def __init__(self, answer: Callable[[], None]) -> None:
        self._answer = answer
        self.over = False
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = self.over = True

    def answer(self) -> None:
        self.over = True
        self._answer()


class Echo:
    """The stand-in for the pipeline: notes each request, and answers with its number, at once or later."""

    def __init__(self) -> None:
        self.passed: list[Passed] = []
        self.held: list[Exchange] = []
        self.at_once = True
        self.turned_away_from = ALL_SERVED

    def screen(self, _: Request) -> None:
        """It turns nobody away."""

    def take(self, request: Request, done: Callable[[Reply], None]) -> Exchange:
        body = ECHO % len(self.passed)
        self.passed.append(
            Passed(request.method, request.target, tuple(request.headers), bytes(request.body))
        )
        reply = Reply(verdict=Verdict.SERVED, answer=Answer(status=200, body=body))
        exchange = Exchange(lambda: done(reply))
        if self.at_once:
            exchange.answer()
        else:
            self.held.append(exchange)
        return exchange

    ask = take

    def answer_one(self) -> bool:
        """Answer the oldest request that waits; False where none does."""
        while self.held:
            exchange = self.held.pop(0)
            if not exchange.over:
                exchange.answer()
                return True
        return False


class Still:
    """Clock, randomness, log and queue at once: time stands, every id is the same, no ticket is known."""

    def __init__(self) -> None:
        self.bugs: list[str] = []

    def now(self) -> float:
        return 1000.0

    wall = now

    def getrandbits(self, _: int) -> int:
        return 7

    def error(self, event: str, **fields: object) -> None:
        self.bugs.append(f"{event}: {fields}")

    def find(self, _: str) -> "Still":
        return self

    cancel = find

    def add_done_callback(self, call: Callable[["Still"], None]) -> None:
        call(self)

    def exception(self) -> None:
        return None

    result = exception


class Heard(msgspec.Struct, kw_only=True):
    """What one stream came to."""

    written: bytes
    passed: list[Passed]
    ended: bool  # by us
    unanswered: int  # requests that were passed on and were neither answered nor given up
    bugs: list[str]  # exceptions that the service caught
    held_bytes_max: int = 0


class EdgeUnderTest:
    """Makes one connection a stream."""

    def __init__(self) -> None:
        self._still = Still()
        still: Any = self._still
        self._echo = Echo()
        self._service = Service(
            pipeline=self._echo, queue=still, clock=still, rng=still, meters=Meters(), log=still, version="1"
        )

    def hear(
        self,
        pieces: list[bytes],
        rng: random.Random | None = None,
        *,
        tight: bool = False,
        leaves: bool = False,
        weighs: bool = False,
    ) -> Heard:
        """Send a stream; with `rng` answers come late and the caller reads slowly, or `leaves` half-way."""
        echo, still = self._echo, self._still
        echo.passed, echo.held, echo.at_once, still.bugs = [], [], rng is None, []
        connections: set[Connection] = set()
        connection = Connection(
            service=self._service,
            limits=TIGHT if tight else USUAL,
            clock=cast("Any", still),
            connections=connections,
        )
        stream = _Stream(connection, echo, rng)
        heaviest = stream.send(pieces, weighs=weighs, leaves=leaves)
        connection.eof_received()
        connection.connection_lost(None)
        assert not connections, "a lost connection is still counted"
        held, echo.held = echo.held, []  # what the stand-in would hold on to is no leak
        return Heard(
            written=bytes(stream.transport.written),
            passed=echo.passed,
            ended=stream.transport.ended or stream.transport.aborted,
            unanswered=sum(not exchange.over for exchange in held),
            bugs=still.bugs,
            held_bytes_max=heaviest,
        )


class _Stream:
    """Feeds one connection as an event loop would."""

    def __init__(self, connection: Connection, echo: Echo, rng: random.Random | None) -> None:
        self.transport = StandInTransport()
        self._connection = connection
        self._echo = echo
        self._rng = rng
        self._answers_share = rng.choice((0.0, 0.3, 0.8)) if rng else 1.0  # 0: only when nothing else goes on
        connection.connection_made(self.transport)

    def send(self, pieces: list[bytes], *, weighs: bool, leaves: bool) -> int:
        """The bytes held at the heaviest moment, where it `weighs`."""
        heaviest = 0
        if leaves and self._rng is not None:
            pieces = pieces[: self._rng.randrange(len(pieces) + 1)]
        for piece in pieces:
            while not self.transport.reading and self._echo.answer_one():
                pass
            if not self.transport.open:
                break
            assert self.transport.reading, "reading is paused, and nothing is owed"
            self._send(piece)
            if weighs:
                heaviest = max(heaviest, bytes_held(self._connection))
        while not leaves and self._echo.answer_one():
            pass
        return heaviest

    def _send(self, piece: bytes) -> None:
        rng = self._rng
        if rng is None:
            self._connection.data_received(piece)
            return
        slow = rng.random() < 0.05
        if slow:
            self._connection.pause_writing()
        self._connection.data_received(piece)
        if rng.random() < self._answers_share:
            self._echo.answer_one()
        if slow:
            self._connection.resume_writing()
