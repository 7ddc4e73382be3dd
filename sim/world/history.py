"""The history of a world: every event packed into 25 bytes, and the digest of them all.

The same seed gives the same bytes on any machine: numbers in fixed formats, names by their order of
appearance, no address and no hash of a string. Only the last events are kept in words, unless all are wanted.
"""

import hashlib
import struct
from typing import TYPE_CHECKING

from proxy.messages import Answer, Failure, Reply, Verdict
from sim.world.watch import Checker

if TYPE_CHECKING:
    from proxy.snapshot import Snapshot
    from sim.world.flight import Flight
    from sim.world.trip import Trip
    from sim.world.world import World

EVENT = struct.Struct("<Bdqq")
TOLD = 60
"""Events that a violation tells."""

CHUNK = 8192

KINDS = (
    *("arrives", "is called", "enters", "leaves", "is given up", "returns", "is answered", "is abandoned"),
    *("ticket stored", "ticket claimed", "ticket ends", "reload"),
)
ARRIVES, CALLED, ENTERS, LEAVES, GIVEN_UP, RETURNS, ANSWERED, ABANDONED, STORED, CLAIMED, ENDS, RELOAD = (
    range(12)
)
VERDICTS = {verdict: number for number, verdict in enumerate(Verdict)}


class History(Checker):
    """Writes down what happens. It checks nothing: that two runs agree is for whoever compares digests."""

    rule = "history"

    def __init__(self, *, whole: bool = False) -> None:
        super().__init__()
        self._whole = whole
        self._hash = hashlib.blake2b(digest_size=16)
        self._chunk: list[bytes] = []
        self._older: list[bytes] = []
        self._names: dict[str, int] = {}
        self._pack = EVENT.pack
        self.events = 0

    def opened(self, world: "World") -> None:
        self._loop = world.loop

    def arrived(self, trip: "Trip") -> None:
        self._write(ARRIVES, trip.number, trip.plan.qos.rank)

    def called(self, flight: "Flight") -> None:
        self._write(CALLED, flight.trip.number, self._name(flight.server.plan.url))

    def entered(self, flight: "Flight") -> None:
        self._write(ENTERS, flight.trip.number, flight.server.inside)

    def left(self, flight: "Flight") -> None:
        self._write(LEAVES, flight.trip.number, flight.server.inside)

    def given_up(self, flight: "Flight") -> None:
        self._write(GIVEN_UP, flight.trip.number, flight.number)

    def returned(self, flight: "Flight", result: Answer | Failure) -> None:
        status = result.status if isinstance(result, Answer) else -1
        self._write(RETURNS, flight.trip.number, status)

    def replied(self, trip: "Trip", reply: Reply) -> None:
        self._write(ANSWERED, trip.number, VERDICTS[reply.verdict])

    def abandoned(self, trip: "Trip") -> None:
        self._write(ABANDONED, trip.number, 0)

    def stored(self, ticket: str) -> None:
        self._write(STORED, self._name(ticket), 0)

    def claimed(self, ticket: str) -> None:
        self._write(CLAIMED, self._name(ticket), 0)

    def ended(self, ticket: str, how: str) -> None:
        self._write(ENDS, self._name(ticket), self._name(how))

    def reloaded(self, before: "Snapshot", after: "Snapshot", accepted: bool) -> None:
        self._write(RELOAD, after.generation, accepted)

    def digest(self) -> str:
        """Of all events so far."""
        sofar = self._hash.copy()
        sofar.update(b"".join(self._chunk))
        return sofar.hexdigest()

    def last(self, count: int = TOLD) -> tuple[str, ...]:
        """The last events in words."""
        return tuple(self._words(event) for event in (self._older + self._chunk)[-count:])

    def _write(self, kind: int, who: int, what: int) -> None:
        self.events += 1
        chunk = self._chunk
        chunk.append(self._pack(kind, self._loop.now_s, who, what))
        if len(chunk) >= CHUNK:
            self._hash.update(b"".join(chunk))
            self._older = self._older + chunk if self._whole else chunk[-TOLD:]
            self._chunk = []

    def _name(self, name: str) -> int:
        number = self._names.get(name)
        if number is None:
            number = self._names[name] = len(self._names)
        return number

    def _words(self, event: bytes) -> str:
        kind, now, who, what = EVENT.unpack(event)
        return f"{now:.6f} #{who} {KINDS[kind]} ({what})"
