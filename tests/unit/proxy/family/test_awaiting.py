"""Who waits in one process is known in the others: the most critical goes first (I2, I3, I11)."""

from collections.abc import Iterator

import pytest

from proxy.family.ledger import AWAITS_S, Ledger, new_memory
from proxy.messages import Outcome
from proxy.qos.gate import Bar, Gate, Pass
from proxy.qos.line import Place, Waiter
from proxy.routing.table import Application

A, B = 0, 1
NOW = 1000.0
APPLICATION = Application(id="a", endpoints=("http://a:1",), concurrency=1)


class Family:
    """The gate of one application in two processes; `served` are the names of those who got a permit."""

    def __init__(self) -> None:
        memory = new_memory(2)
        self._ledgers = [Ledger(memory, processes=2, column=each) for each in range(3)]
        self._ledgers[0].reset(1)
        self.one, self.other = (
            Gate(APPLICATION, lambda application, ledger=ledger: ledger.permits(1, application))  # type: ignore[misc]
            for ledger in self._ledgers[1:]
        )
        self.served: list[str] = []
        self.passes: list[Pass] = []

    def close(self) -> None:
        self._ledgers[0].close()

    def wait(self, gate: Gate, rank: int, name: str, now: float = NOW) -> Place:
        def wake(_: str, woken_s: float) -> bool:
            entered = gate.enter(woken_s, 0.0)
            if not isinstance(entered, Pass):
                return False
            gate.line.leave(place)
            self.served.append(name)
            self.passes.append(entered)
            return True

        waiter = Waiter(
            rank=rank, deadline=now + 9, since_s=now, request_id=name, wake=wake, evict=lambda _: None
        )
        place = gate.line.join(waiter)
        assert place is not None
        gate.pump(now)
        return place

    def busy(self) -> Pass:
        """The only permit, taken in the other process."""
        taken = self.other.enter(NOW, 0.0)
        assert isinstance(taken, Pass)
        return taken


@pytest.fixture
def family() -> Iterator[Family]:
    family = Family()
    yield family
    family.close()


def test_a_more_critical_one_of_another_process_goes_first(family: Family) -> None:
    """Its process did not get the permit back, but looks within a tick."""
    taken = family.busy()
    family.wait(family.one, A, "critical")
    family.wait(family.other, B, "less")
    family.other.leave(taken, Outcome.OK, NOW + 0.001)
    assert family.served == []
    family.one.pump(NOW + 0.001)
    assert family.served == ["critical"]
    family.one.leave(family.passes[0], Outcome.OK, NOW + 0.002)
    family.other.pump(NOW + 0.002)
    assert family.served == ["critical", "less"]


def test_an_equally_critical_one_waits_for_nobody_elsewhere(family: Family) -> None:
    """Turns and deadlines are each process's own: no permit stays free for them."""
    taken = family.busy()
    family.wait(family.one, A, "elsewhere")
    family.wait(family.other, A, "here")
    family.other.leave(taken, Outcome.OK, NOW + 0.001)
    assert family.served == ["here"]


def test_who_comes_while_somebody_waits_in_another_process_joins_the_line(family: Family) -> None:
    """Else a newcomer, or a ticket, would pass by who waits: it sees a free permit first."""
    taken = family.busy()
    family.wait(family.one, B, "waits")
    family.other.leave(taken, Outcome.OK, NOW)
    assert family.other.closed(NOW) is None
    assert family.other.bar(NOW) is Bar.LINE
    family.one.pump(NOW)
    family.one.leave(family.passes[0], Outcome.OK, NOW)
    family.one.pump(NOW)
    assert family.other.bar(NOW) is None


def test_a_process_that_stands_still_keeps_nobody_waiting(family: Family) -> None:
    """It says that somebody waits, and does not take the permit: it may be stopped, or dead."""
    taken = family.busy()
    family.wait(family.one, A, "stands still")
    family.wait(family.other, B, "less")
    family.other.leave(taken, Outcome.OK, NOW + AWAITS_S / 2)
    assert family.served == []
    family.other.pump(NOW + 2 * AWAITS_S)
    assert family.served == ["less"]


def test_who_lacks_more_than_a_permit_keeps_nobody_waiting(family: Family) -> None:
    """Breakers are each process's own: one that is open here must not close the application elsewhere."""
    taken = family.busy()
    for _ in range(10):
        family.one.breaker.settle(blamed=True, probe=False, now=NOW)
    family.wait(family.one, A, "barred")
    family.wait(family.other, B, "less")
    family.other.leave(taken, Outcome.OK, NOW)
    assert family.served == ["less"]


def test_a_process_does_not_stand_back_for_who_has_left_its_own_line(family: Family) -> None:
    """What it said of itself last may be a tick old; it knows better."""
    taken = family.busy()
    family.one.line.leave(family.wait(family.one, A, "gave up"))
    family.other.leave(taken, Outcome.OK, NOW)
    family.wait(family.one, B, "less")
    assert family.served == ["less"]
