"""A stub model server: listens, counts, and meets each request as it was told to behave."""

import asyncio
import heapq
import random
from collections import deque
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

from proxy.ports import Rng, Timer, Timers
from sim.stubs.address import Address
from sim.stubs.behaviours import AnyBehaviour, Ok, Refuse
from sim.stubs.connection import Connection
from sim.stubs.director import Cue, direct
from sim.stubs.listener import Listener
from sim.stubs.performance import Step, Wait, perform
from sim.stubs.received import Received

CALLS_KEPT = 10_000

ROUNDING_S = 0.0005
"""Work that ends now has ended: the loop's clock may count milliseconds, and their sums are not exact."""


class LoopTimers:
    """`ports.Timers` over the running loop."""

    late = False

    def after(self, delay_s: float, fire: Callable[[], None]) -> Timer:
        """Call `fire` once, no earlier than `delay_s` from now."""
        return asyncio.get_running_loop().call_later(delay_s, fire)


class StubServer:
    """A model server that misbehaves on demand; `async with` starts and stops it.

    `calls` are the last requests received, oldest first, `calls_kept` of them at most; the counts go on.
    `rng` draws delays and fractions, `timers` carry the pauses.
    """

    def __init__(
        self,
        name: str = "stub",
        behaviour: AnyBehaviour | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        calls_kept: int = CALLS_KEPT,
        rng: Rng | None = None,
        timers: Timers | None = None,
    ) -> None:
        self.name = name
        self.host = host
        self.port = port  # 0 until it is started
        self.behaviour: AnyBehaviour = behaviour if behaviour is not None else Ok()
        self.calls: deque[Received] = deque(maxlen=calls_kept)
        self.received = 0  # requests that arrived whole
        self.abandoned = 0  # requests whose client left before the stub was done with them
        self.accepted = 0  # connections
        self.inflight = 0
        self.inflight_peak = 0
        self.work_peak = 0  # requests at work at once, those whose clients have gone among them
        self._works_until_s: list[float] = []  # a heap
        self._rng: Rng = rng if rng is not None else random.Random(0)
        self._timers: Timers = timers if timers is not None else LoopTimers()
        self._cue = self._directions(self.behaviour)
        self._address: Address | None = None
        self._listener: Listener | None = None
        self._connections: set[Connection] = set()
        self._quiet: asyncio.Event | None = None  # set while no connection is open

    @property
    def url(self) -> str:
        """The base URL, as a routing table wants it."""
        return f"http://{self.host}:{self.port}"

    @property
    def connections(self) -> int:
        """How many are open now."""
        return len(self._connections)

    # -- life ---------------------------------------------------------------------------------------

    async def start(self) -> Self:
        """Listen, at the same port as before if it ran before. Raises OSError when the port is another's."""
        if self._address is None:
            self._address = Address(self.host, self.port)
            self.port = self._address.port
        self.behave(self.behaviour)
        return self

    async def stop(self) -> None:
        """Stop listening, reset what is open, and let the port go."""
        await self._hush()
        if self._address is not None:
            self._address.release()
            self._address = None

    async def restart(self) -> None:
        """Die and come back on the same port. A new process begins its behaviour anew."""
        await self._hush()
        await self.start()

    def behave(self, behaviour: AnyBehaviour) -> None:
        """From now on meet requests so; those being served end as they began, except under `Refuse`.

        Raises ValueError for a behaviour that cannot be carried out.
        """
        self._cue = self._directions(behaviour)
        self.behaviour = behaviour
        if self._address is None:
            return  # not started yet
        if isinstance(behaviour, Refuse):
            self._close()
        elif self._listener is None:
            self._listener = Listener(self._address.listen(), self._connection)

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    # -- connection.Desk ----------------------------------------------------------------------------

    def open(self, connection: Connection) -> None:
        self.accepted += 1
        self._connections.add(connection)
        if self._listener is None:  # it was being accepted when the stub went away
            connection.abort()

    def closed(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if not self._connections and self._quiet is not None:
            self._quiet.set()

    def receive(self, request: Received) -> Iterator[Step]:
        self.received += 1
        self.calls.append(request)
        self.inflight += 1
        self.inflight_peak = max(self.inflight_peak, self.inflight)
        delay_s, behaviour = self._cue()
        self._work(request.at_s, delay_s)
        steps = perform(self.name, behaviour, request)
        return steps if delay_s <= 0 else _after(delay_s, steps)

    def _work(self, now: float, delay_s: float) -> None:
        """A server without a notion of its clients works on when they are gone: that is counted here."""
        while self._works_until_s and self._works_until_s[0] <= now + ROUNDING_S:
            heapq.heappop(self._works_until_s)
        heapq.heappush(self._works_until_s, now + delay_s)
        self.work_peak = max(self.work_peak, len(self._works_until_s))

    def finish(self, *, abandoned: bool) -> None:
        self.inflight -= 1
        self.abandoned += abandoned

    # -- listening ----------------------------------------------------------------------------------

    def _directions(self, behaviour: AnyBehaviour) -> Callable[[], Cue]:
        found = Ok() if isinstance(behaviour, Refuse) else behaviour
        return direct(found, self._rng, lambda: asyncio.get_running_loop().time())

    def _connection(self) -> Connection:
        return Connection(self, self._timers, asyncio.get_running_loop())

    def _close(self) -> Listener | None:
        """Stop listening and reset what is open. The listener that was."""
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.close()
        for connection in list(self._connections):
            connection.abort()
        return listener

    async def _hush(self) -> None:
        """Stop listening and wait until every connection is gone."""
        listener = self._close()
        if listener is not None:
            await listener.settle()
        if self._connections:
            self._quiet = asyncio.Event()
            await self._quiet.wait()
            self._quiet = None


def _after(delay_s: float, steps: Iterator[Step]) -> Iterator[Step]:
    yield Wait(delay_s)
    yield from steps
