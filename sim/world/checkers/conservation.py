"""I5: every request has one end, every ticket is durable before it is told and ends once; nothing is lost.

At the end: arrivals = answered + refused + queued + pending, by the world's books and by the proxy's meters.
"""

from typing import TYPE_CHECKING

from proxy.messages import Reply, Verdict
from proxy.tickets import TicketStatus
from sim.world.watch import Checker

if TYPE_CHECKING:
    from sim.world.trip import Trip
    from sim.world.world import World

TICKETS = b"/v1/tickets/"


class Conservation(Checker):
    """Keeps books of requests and tickets."""

    rule = "I5 conservation"

    def __init__(self) -> None:
        super().__init__()
        self._arrivals = 0
        self._verdicts: dict[Verdict, int] = {}
        self._told: list[str] = []
        self._stored: dict[str, str] = {}  # tickets, and how they ended

    def opened(self, world: "World") -> None:
        self._world = world

    def arrived(self, trip: "Trip") -> None:
        self._arrivals += 1

    def replied(self, trip: "Trip", reply: Reply) -> None:
        if trip.verdict is not None:
            self.broken(f"#{trip.number} was {trip.verdict} and then {reply.verdict}")
        verdict = reply.verdict
        self._verdicts[verdict] = self._verdicts.get(verdict, 0) + 1
        if verdict is Verdict.PARKED:
            self._ticket_told(trip, reply)

    def abandoned(self, trip: "Trip") -> None:
        if trip.verdict is not None:
            self.broken(f"#{trip.number} was {trip.verdict} and then abandoned")
        self._verdicts[Verdict.ABANDONED] = self._verdicts.get(Verdict.ABANDONED, 0) + 1

    def stored(self, ticket: str) -> None:
        if ticket in self._stored:
            self.broken(f"ticket {ticket} was stored twice")
        self._stored[ticket] = ""

    def ended(self, ticket: str, how: str) -> None:
        if self._stored.get(ticket) != "":
            self.broken(f"ticket {ticket} ended as {how} after {self._stored.get(ticket, 'no beginning')}")
        self._stored[ticket] = how

    def tickets(self) -> dict[str, str]:
        """All tickets, and how they ended ('' = not yet)."""
        return dict(self._stored)

    def closed(self, world: "World") -> None:
        pending = len(world.trips)
        ended = sum(self._verdicts.values())
        if self._arrivals != ended + pending:
            self.broken(f"{self._arrivals} arrivals, {ended} ended and {pending} pending")
        counted: dict[str, int] = {}
        for (_, _, verdict), count in world.meters.requests.items():
            counted[verdict] = counted.get(verdict, 0) + count
        if counted != {str(each): count for each, count in self._verdicts.items()}:
            self.broken(f"the meters say {counted}, the world {self._verdicts}")
        for ticket, how in self._stored.items():
            self._look_up(ticket, how)

    def _ticket_told(self, trip: "Trip", reply: Reply) -> None:
        told = [value for name, value in reply.answer.headers if name == b"Location"]
        ticket = told[0].removeprefix(TICKETS).decode() if told else ""
        if ticket not in self._stored or self._world.queue.find_now(ticket) is None:
            self.broken(f"#{trip.number} was told of ticket {ticket!r}, which is not durable")

    def _look_up(self, ticket: str, how: str) -> None:
        found = self._world.queue.find_now(ticket)
        if found is None:
            self.broken(f"ticket {ticket} is lost")
        elif how and found.status.value != how:
            self.broken(f"ticket {ticket} ended as {how} and is {found.status.value}")
        elif not how and found.status not in (TicketStatus.QUEUED, TicketStatus.RUNNING):
            self.broken(f"ticket {ticket} is {found.status.value}, and nobody ended it")
