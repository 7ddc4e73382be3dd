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

FORM = "Bdqq"
FIELDS = len(FORM)
TOLD = 60
"""Events that a violation tells."""

CHUNK = 2048
"""Events that are packed together."""

KINDS = (
    *("arrives", "is called", "enters", "leaves", "is given up", "returns", "is answered", "is abandoned"),
    *("ticket stored", "ticket claimed", "ticket ends", "reload", "is left behind"),
)
ARRIVES, CALLED, ENTERS, LEAVES, GIVEN_UP, RETURNS, ANSWERED, ABANDONED, STORED, CLAIMED, ENDS = range(11)
RELOAD, LEFT_BEHIND = 11, 12
VERDICTS = {verdict: number for number, verdict in enumerate(Verdict)}


class History(Checker):
    """Writes down what happens. It checks nothing: that two runs agree is for whoever compares digests."""

    rule = "history"

    def __init__(self, *, whole: bool = False) -> None:
        super().__init__()
        self._whole = whole
        self._hash = hashlib.blake2b(digest_size=16)
        self._fields: list[float] = []  # of the events that are not packed yet, four by four
        self._older: list[float] = []
        self._names: dict[str, int] = {}
        self._packed = 0

    @property
    def events(self) -> int:
        """How many there were."""
        return self._packed + len(self._fields) // FIELDS

    def opened(self, world: "World") -> None:
        self._loop = world.loop

    def arrived(self, trip: "Trip") -> None:
        if len(self._fields) >= CHUNK * FIELDS:
            self._pack()
        self._fields += (ARRIVES, self._loop.now_s, trip.number, trip.plan.qos.rank)

    def called(self, flight: "Flight") -> None:
        self._fields += (CALLED, self._loop.now_s, flight.trip.number, self._name(flight.server.plan.url))

    def entered(self, flight: "Flight") -> None:
        self._fields += (ENTERS, self._loop.now_s, flight.trip.number, flight.server.inside)

    def left(self, flight: "Flight") -> None:
        self._fields += (LEAVES, self._loop.now_s, flight.trip.number, flight.server.inside)

    def left_behind(self, flight: "Flight") -> None:
        self._fields += (LEFT_BEHIND, self._loop.now_s, flight.trip.number, flight.number)

    def given_up(self, flight: "Flight") -> None:
        self._fields += (GIVEN_UP, self._loop.now_s, flight.trip.number, flight.number)

    def returned(self, flight: "Flight", result: Answer | Failure) -> None:
        status = result.status if isinstance(result, Answer) else -1
        self._fields += (RETURNS, self._loop.now_s, flight.trip.number, status)

    def replied(self, trip: "Trip", reply: Reply) -> None:
        self._fields += (ANSWERED, self._loop.now_s, trip.number, VERDICTS[reply.verdict])

    def abandoned(self, trip: "Trip") -> None:
        self._fields += (ABANDONED, self._loop.now_s, trip.number, 0)

    def stored(self, ticket: str) -> None:
        self._fields += (STORED, self._loop.now_s, self._name(ticket), 0)

    def claimed(self, ticket: str) -> None:
        self._fields += (CLAIMED, self._loop.now_s, self._name(ticket), 0)

    def ended(self, ticket: str, how: str) -> None:
        self._fields += (ENDS, self._loop.now_s, self._name(ticket), self._name(how))

    def reloaded(self, before: "Snapshot", after: "Snapshot", accepted: bool) -> None:
        self._fields += (RELOAD, self._loop.now_s, after.generation, accepted)

    def digest(self) -> str:
        """Of all events so far."""
        so_far = self._hash.copy()
        so_far.update(packed(self._fields))
        return so_far.hexdigest()

    def last(self, count: int = TOLD) -> tuple[str, ...]:
        """The last events in words."""
        fields = (self._older + self._fields)[-count * FIELDS :]
        return tuple(words(*fields[place : place + FIELDS]) for place in range(0, len(fields), FIELDS))

    def _pack(self) -> None:
        fields = self._fields
        self._hash.update(packed(fields))
        self._packed += len(fields) // FIELDS
        self._older = self._older + fields if self._whole else fields[-TOLD * FIELDS :]
        self._fields = []

    def _name(self, name: str) -> int:
        number = self._names.get(name)
        if number is None:
            number = self._names[name] = len(self._names)
        return number


class Unwritten(History):
    """None: for worlds whose figures are wanted, and whose events are too many."""

    arrived = Checker.arrived
    called = Checker.called
    entered = Checker.entered
    left = Checker.left
    left_behind = Checker.left_behind
    given_up = Checker.given_up
    returned = Checker.returned
    replied = Checker.replied
    abandoned = Checker.abandoned
    stored = Checker.stored
    claimed = Checker.claimed
    ended = Checker.ended
    reloaded = Checker.reloaded


def packed(fields: list[float]) -> bytes:
    """Events as bytes: little-endian, 25 an event."""
    return struct.pack("<" + FORM * (len(fields) // FIELDS), *fields)


def words(kind: float, now: float, who: float, what: float) -> str:
    """One event for people."""
    return f"{now:.6f} #{who} {KINDS[int(kind)]} ({what})"
