"""What the core needs of the outside, as Protocols: time, randomness, model servers, the queue, logs.

`app.py` passes in the live ones; the simulation passes its own. Nothing in the core asks a module
for the time, for a random number or for a socket.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from labelers import Payload
from proxy.messages import Answer, Failure, Reply, Request, Target
from proxy.tickets import Claim, Envelope, Put, QueueStats, Ticket, TicketStatus


class Clock(Protocol):
    """Time. Deadlines use `now`, tickets (which outlive a process) use `wall`."""

    def now(self) -> float:
        """Monotonic seconds."""
        ...

    def wall(self) -> float:
        """Seconds since the Unix epoch."""
        ...


class Timer(Protocol):
    """A pending call-back."""

    def cancel(self) -> None:
        """Forget the call-back, and every reference it held, at once."""
        ...


class Timers(Protocol):
    """Call-backs in the future, cheap enough for several per request.

    `late` is True while call-backs run that come late because this process stood still: what they time
    may not be to blame.
    """

    late: bool

    def after(self, delay_s: float, fire: Callable[[], None]) -> Timer:
        """Call `fire` once, no earlier than `delay_s` from now."""
        ...


class Rng(Protocol):
    """Randomness; `random.Random` is one."""

    def random(self) -> float:
        """Uniform in [0, 1)."""
        ...

    def getrandbits(self, k: int, /) -> int:
        """`k` random bits."""
        ...


class Call(Protocol):
    """A call on its way to a model server."""

    def cancel(self) -> None:
        """Give the call up. Its `done` will not be called any more; the connection may be closed."""
        ...

    def abandon(self, ended: Callable[[bool], None]) -> None:
        """Nobody wants the answer, but the server may go on: `ended` is called once it has ended.

        In place of `done`, once, perhaps at once, and with True where a whole answer came; not after a
        `cancel`, which closes the connection.
        """
        ...


class Cluster(Protocol):
    """A client of one clusterType. One file per kind under `proxy/clusters/`."""

    def call(
        self,
        target: Target,
        request: Request,
        budget_s: float,
        done: Callable[[Answer | Failure], None],
        rank: int = -1,
    ) -> Call:
        """Send `request` to `target` and call `done` exactly once, never from within `call`.

        `budget_s` is what is left for this attempt; the client tells it to the server, the caller
        enforces it. `rank` is the request's criticality, 0 the most, and is told too; -1: it has none.
        """
        ...


class Labels(Protocol):
    """What puts labels on a request: the labelers of one table (`labeling.py`).

    `reads_head`: all of them read the head alone, and must not be shown a body.
    """

    reads_head: bool

    def label(self, payload: Payload) -> tuple[str, ...]:
        """The labels, canonical, each once. Never raises."""
        ...

    def events(self) -> dict[tuple[str, str], int]:
        """What happened to the labelers since the start, by labeler and kind."""
        ...

    def sweep(self) -> None:
        """Log what has gathered; called once in a while."""
        ...


class OfflineQueue(Protocol):
    """Durable tickets.

    Every method returns a future of the running loop, so that both a call-back and a coroutine can
    wait; a write that has begun is never cancelled.
    """

    def put(self, envelope: Envelope) -> asyncio.Future[Put]:
        """Store durably. Resolves to `Accepted` only after the commit, else to `Refused`; never raises."""
        ...

    def find(self, ticket: str) -> asyncio.Future[Ticket | None]:
        """The ticket with its answer if it has one."""
        ...

    def cancel(self, ticket: str) -> asyncio.Future[Ticket | None]:
        """End a pending ticket as CANCELLED; one that has ended stays as it is. The ticket afterwards."""
        ...

    def claim(self, limit: int, lease_s: float) -> asyncio.Future[list[Claim]]:
        """Take up to `limit` due tickets, oldest first, each under a fresh fencing token."""
        ...

    def extend(self, claims: Sequence[Claim], lease_s: float) -> asyncio.Future[int]:
        """Heartbeat: push the leases out; how many were still held."""
        ...

    def complete(self, claim: Claim, answer: Answer) -> asyncio.Future[bool]:
        """End as DONE with the answer. False when the token is stale: nothing was changed."""
        ...

    def release(self, claim: Claim, delay_s: float, reason: str) -> asyncio.Future[bool]:
        """Give back, due again after `delay_s`. False when the token is stale."""
        ...

    def bury(self, claim: Claim, reason: str) -> asyncio.Future[bool]:
        """End as DEAD with the reason. False when the token is stale."""
        ...

    def sweep(self) -> asyncio.Future[int]:
        """End tickets past their time to live, forget results past theirs; how many changed."""
        ...

    def stats(self) -> asyncio.Future[QueueStats]:
        """Depth and bytes by status, age of the oldest."""
        ...

    def list(self, status: TicketStatus | None, limit: int, after: str) -> asyncio.Future[list[Ticket]]:
        """Tickets in the order they were made, after the ticket `after` ('' = all), bodies left out."""
        ...

    def redrive(self, tickets: Sequence[str]) -> asyncio.Future[int]:
        """Make DEAD or EXPIRED tickets pending again (all of them where none are named); how many."""
        ...

    def purge(self, status: TicketStatus, older_than_s: float) -> asyncio.Future[int]:
        """Forget ended tickets of a status that ended longer ago than this; how many."""
        ...

    def close(self) -> asyncio.Future[None]:
        """Finish the writes that have begun, then let go of the store."""
        ...


class Tracer(Protocol):
    """Traces of some requests (`observe/tracing.py`). Called for every request, so cheap for most."""

    def begin(self, request: Request) -> Request:
        """The request as it goes on; one that is traced from the start tells model servers so."""
        ...

    def settle(self, request: Request, reply: Reply) -> None:
        """The request, as `begin` gave it, ended so. Never waits."""
        ...


class NoTraces:
    """`Tracer` where none are wanted."""

    def begin(self, request: Request) -> Request:
        return request

    def settle(self, request: Request, reply: Reply) -> None:
        """Nothing is traced."""


NO_TRACES: Tracer = NoTraces()


class Recording(Protocol):
    """Records traffic while an operator wants it (`recording/recorder.py`). Neither waits nor raises."""

    def arrive(self, request: Request) -> None:
        """A request was taken; `settle` follows."""
        ...

    def settle(self, request: Request, reply: Reply, elapsed_s: float, deadline_s: float | None) -> None:
        """It ended so, `elapsed_s` after it arrived; `deadline_s` is that of its class."""
        ...


class Log(Protocol):
    """Structured logging: an event name and its fields. structlog's loggers are such."""

    def debug(self, event: str, **fields: Any) -> Any: ...
    def info(self, event: str, **fields: Any) -> Any: ...
    def warning(self, event: str, **fields: Any) -> Any: ...
    def error(self, event: str, **fields: Any) -> Any: ...
