"""I2, I3, I4 and I11: hand-made events, right and wrong."""

import pytest

from proxy.routing.table import Table
from sim.world.checkers.line import SLACK_S, CriticalFirst, Line, OneSlot, TicketsLast, WorkConserving

A, B, C, TICKET = 0, 1, 2, Table.OFFLINE.rank


def told(line: Line) -> list[str]:
    """What it finds from now on."""
    found: list[str] = []
    line.report = lambda checker, what: found.append(what)
    return found


def waits(line: Line, name: str, rank: int, deadline_s: float = 100.0) -> None:
    """One more at the end of the line of `pool`."""
    line.on_wait("pool", rank, name, 1.0, deadline_s)


def test_the_most_critical_goes_first() -> None:
    """Equal ones in any order: fairness is another rule."""
    line = CriticalFirst()
    found = told(line)
    for name, rank in (("b1", B), ("a1", A), ("a2", A)):
        waits(line, name, rank)
    line.on_dispatch("pool", A, "a2", 2.0)
    line.on_dispatch("pool", A, "a1", 2.0)
    line.on_dispatch("pool", B, "b1", 2.0)
    assert not found


def test_a_less_critical_one_that_goes_before_is_seen() -> None:
    """Also one that never waited."""
    line = CriticalFirst()
    found = told(line)
    waits(line, "a", A)
    line.on_dispatch("pool", B, "never waited", 2.0)
    assert found == ["pool: never waited of rank 1 goes before a of 0"]


def test_another_applications_line_and_a_hopeless_waiter_do_not_count() -> None:
    """Who can no longer be served keeps nobody."""
    line = CriticalFirst()
    found = told(line)
    line.on_wait("other pool", A, "elsewhere", 1.0, 100.0)
    waits(line, "too late", A, deadline_s=1.5)
    line.on_dispatch("pool", C, "c", 2.0)
    assert not found


def test_the_least_critical_is_shed() -> None:
    """And a shed of a more critical one while a less critical one stays is seen."""
    line = CriticalFirst()
    found = told(line)
    waits(line, "a", A)
    waits(line, "c", C)
    line.on_shed("pool", C, "c", 2.0)
    assert not found
    waits(line, "b", B)
    line.on_shed("pool", A, "a", 2.0)
    assert found == ["pool: a of rank 0 is shed, b of 1 stays"]


def test_who_is_passed_by_twice_is_seen() -> None:
    """One slot's residual service is all that a critical one waits for less critical ones."""
    line = OneSlot()
    found = told(line)
    waits(line, "a", A)
    line.on_dispatch("pool", A, "a2", 2.0)
    line.on_dispatch("pool", B, "b", 2.0)
    assert not found
    line.on_dispatch("pool", C, "c", 2.1)
    assert found == ["pool: 2 have gone before a of rank 0"]


def test_a_free_permit_beside_a_waiter_is_seen_once_no_tick_explains_it() -> None:
    """A rate's permit falls free at a moment that only a timer tells."""
    line = WorkConserving()
    found = told(line)
    waits(line, "a", A)
    line.on_rest("pool", True, 2.0)
    line.on_rest("pool", True, 2.0 + SLACK_S / 2)
    line.on_rest("pool", False, 2.0 + SLACK_S)
    line.on_rest("pool", True, 3.0)
    assert not found
    line.on_rest("pool", True, 3.0 + 2 * SLACK_S)
    assert "1 wait" in found[0]


@pytest.mark.parametrize(("waiting", "seen"), [(C, True), (TICKET, False)])
def test_a_ticket_before_an_online_waiter_is_seen(waiting: int, seen: bool) -> None:
    """Tickets among themselves are no matter of this rule."""
    line = TicketsLast()
    found = told(line)
    waits(line, "w", waiting)
    line.on_dispatch("pool", TICKET, "t", 2.0)
    assert bool(found) is seen


def test_who_reads_the_lines_that_another_keeps_judges_by_them() -> None:
    """One book for all rules: each waiter is written down once."""
    book = CriticalFirst()
    line = OneSlot(book)
    found = told(line)
    waits(book, "a", A)
    line.on_dispatch("pool", B, "b", 2.0)
    line.on_dispatch("pool", C, "c", 2.1)
    assert found == ["pool: 2 have gone before a of rank 0"]
    book.on_leave("pool", "a")
    line.on_dispatch("pool", C, "c2", 2.2)
    assert len(found) == 1
