"""Tickets go on: at the end each pending one that has a row was tried lately, or nothing would ever serve it.

Not I5, which a queue keeps that never moves. What no row matched rests for minutes, and is left out.
"""

from typing import TYPE_CHECKING

from proxy.tickets import Ticket
from sim.world.watch import Checker

if TYPE_CHECKING:
    from sim.world.world import World

LATELY_S = 50.0
"""Longer than the drain's longest rest and a lease that lapsed, one after the other."""

UNMATCHED = "no row matches"


class Liveness(Checker):
    """Remembers when each ticket was last taken in hand, or stored."""

    rule = "tickets go on"

    def __init__(self) -> None:
        super().__init__()
        self._moved_s: dict[str, float] = {}

    def opened(self, world: "World") -> None:
        self._loop = world.loop

    def stored(self, ticket: str) -> None:
        self._moved_s[ticket] = self._loop.now_s

    def claimed(self, ticket: str) -> None:
        self._moved_s[ticket] = self._loop.now_s

    def ended(self, ticket: str, how: str) -> None:
        self._moved_s.pop(ticket, None)

    def closed(self, world: "World") -> None:
        if not world.plan.drained:
            return
        broken_until_s = max((until_s for _, until_s in world.plan.queue.broken), default=0.0)
        free_s = world.loop.now_s - max(world.load_ends_s, world.began_s + broken_until_s)
        if free_s <= LATELY_S:
            return
        stuck = [name for name, moved_s in self._moved_s.items() if world.loop.now_s - moved_s > LATELY_S]
        for name in stuck:
            ticket = world.queue.find_now(name)
            if ticket is not None and _has_row(world, ticket):
                self.broken(f"{len(stuck)} tickets wait untried for {LATELY_S:.0f} s, the first is {name}")
                return


def _has_row(world: "World", ticket: Ticket) -> bool:
    if ticket.reason.startswith(UNMATCHED):
        return False
    return bool(world.pipeline.snapshot.table.plan(ticket.labels, True).tiers)
