"""Who looks on: each checker is told what it asks to be told, in the order in which it happens.

A checker looks and never acts; what it finds is a `Violation`, kept here because production code catches
exceptions where it must. The first one ends the world, unless that is to run to its end.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from proxy.messages import Answer, Failure, Reply
    from proxy.snapshot import Snapshot
    from sim.world.flight import Flight
    from sim.world.trip import Trip
    from sim.world.world import World


class Violation(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that was broken: which, when (world seconds), how, and the last events that led there."""

    rule: str
    at_s: float
    what: str
    events: tuple[str, ...] = ()


class Checker:
    """Looks on at one world; a subclass has the hooks that it needs. Calls `broken` when its rule is."""

    rule = ""

    def __init__(self) -> None:
        self.report: Callable[[Checker, str], None] = _unwatched

    def broken(self, what: str) -> None:
        """The rule does not hold, as `what` says."""
        self.report(self, what)

    def opened(self, world: "World") -> None:
        """The world is built, and nothing has happened yet."""

    def arrived(self, trip: "Trip") -> None:
        """A request, or a ticket's replay, is about to be taken."""

    def called(self, flight: "Flight") -> None:
        """The proxy dispatched a call."""

    def entered(self, flight: "Flight") -> None:
        """It has arrived at its server, which took it in."""

    def left(self, flight: "Flight") -> None:
        """Its server has done with it."""

    def left_behind(self, flight: "Flight") -> None:
        """The proxy waits for it no longer; its permit stays taken until it has ended."""

    def given_up(self, flight: "Flight") -> None:
        """The proxy cancelled it."""

    def returned(self, flight: "Flight", result: "Answer | Failure") -> None:
        """What came of it is about to be told to the proxy."""

    def replied(self, trip: "Trip", reply: "Reply") -> None:
        """The pipeline gave its reply; `trip.verdict` is what was there before."""

    def abandoned(self, trip: "Trip") -> None:
        """The caller left before the reply."""

    def stored(self, ticket: str) -> None:
        """The queue has a ticket, durably."""

    def claimed(self, ticket: str) -> None:
        """The drain took a ticket in hand."""

    def ended(self, ticket: str, how: str) -> None:
        """A ticket has come to its end: 'done' or 'dead'."""

    def reloading(self, before: "Snapshot") -> None:
        """A table is about to be offered."""

    def reloaded(self, before: "Snapshot", after: "Snapshot", accepted: bool) -> None:
        """A table was offered; where it was refused, `after` must be `before`."""

    def rested(self) -> None:
        """All that happens at this instant has happened."""

    def closed(self, world: "World") -> None:
        """Nobody arrives any more, and everything had time to come to rest."""


Hooks = tuple[Callable[..., None], ...]


KEPT_MAX = 100
"""Violations kept of one world."""


class Watch:
    """The hooks of all checkers, event by event; an event that nobody asked for costs a loop over nothing."""

    def __init__(self, checkers: Iterable[Checker]) -> None:
        self.checkers = tuple(checkers)
        self.violations: list[Violation] = []
        self.now: Callable[[], float] = float
        self.story: Callable[[], tuple[str, ...]] = tuple
        self.arrived: Hooks = self._of("arrived")
        self.called: Hooks = self._of("called")
        self.entered: Hooks = self._of("entered")
        self.left: Hooks = self._of("left")
        self.left_behind: Hooks = self._of("left_behind")
        self.given_up: Hooks = self._of("given_up")
        self.returned: Hooks = self._of("returned")
        self.replied: Hooks = self._of("replied")
        self.abandoned: Hooks = self._of("abandoned")
        self.stored: Hooks = self._of("stored")
        self.claimed: Hooks = self._of("claimed")
        self.ended: Hooks = self._of("ended")
        self.reloading: Hooks = self._of("reloading")
        self.reloaded: Hooks = self._of("reloaded")
        self.rested: Hooks = self._of("rested")
        for checker in self.checkers:
            checker.report = self.report

    def report(self, checker: Checker, what: str) -> None:
        """A checker found its rule broken."""
        self.add(checker.rule, what)

    def add(self, rule: str, what: str) -> None:
        """Keep a violation, with what led there; of very many only the first."""
        if len(self.violations) >= KEPT_MAX:
            return
        self.violations.append(Violation(rule=rule, at_s=self.now(), what=what, events=self.story()))

    def _of(self, hook: str) -> Hooks:
        plain = getattr(Checker, hook)
        return tuple(getattr(each, hook) for each in self.checkers if getattr(type(each), hook) is not plain)


def _unwatched(checker: Checker, what: str) -> None:
    raise AssertionError(f"{checker.rule}: {what}")


def tell(hooks: Hooks, *told: Any) -> None:
    """Tell all who asked; for what happens seldom."""
    for hook in hooks:
        hook(*told)
