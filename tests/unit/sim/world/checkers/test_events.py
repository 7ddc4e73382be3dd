"""Checkers told of single events, made by hand: what the proxy would have to do wrong is hard to provoke."""

from types import SimpleNamespace
from typing import Any

import pytest

from proxy.messages import Verdict
from sim.world.checkers.calls import Tiers
from sim.world.checkers.conservation import Conservation
from sim.world.checkers.deadlines import Deadlines
from sim.world.checkers.reloads import Reloads
from sim.world.watch import Checker


def told(checker: Any, **parts: Any) -> list[str]:
    """What it finds from now on. `parts` are what it looks at."""
    found: list[str] = []
    checker.report = lambda _, what: found.append(what)
    for name, part in parts.items():
        setattr(checker, f"_{name}", part)
    return found


def trip(**fields: Any) -> Any:
    """A request; by default nothing has become of it."""
    plain = {
        "number": 1,
        "verdict": None,
        "calls": 0,
        "tier": None,
        "deadline_s": 10.0,
        "flight": None,
        "seconded": False,
        "hedges": 0,
    }
    return SimpleNamespace(**{**plain, "plan": SimpleNamespace(tiers=()), **fields})


def flight(**fields: Any) -> Any:
    """A call for a request."""
    server = SimpleNamespace(plan=SimpleNamespace(application="1"))
    return SimpleNamespace(**{"trip": trip(), "server": server, "budget_s": 1.0, **fields})


def reply(verdict: Verdict = Verdict.SERVED, *outcomes: str) -> Any:
    """A reply after attempts that ended so."""
    attempts = [SimpleNamespace(tier=place, outcome=each) for place, each in enumerate(outcomes)]
    return SimpleNamespace(verdict=verdict, attempts=attempts, answer=SimpleNamespace(headers=()))


def clock(now_s: float) -> Any:
    """A loop at this time."""
    return SimpleNamespace(now_s=now_s)


def test_a_checker_that_nobody_watches_raises() -> None:
    """A finding must not get lost."""
    with pytest.raises(AssertionError, match="too many"):
        Checker().broken("too many")


def test_a_call_for_a_request_that_has_ended_is_seen() -> None:
    """Nobody wants its answer."""
    checker = Tiers()
    found = told(checker)
    checker.called(flight(trip=trip(verdict=Verdict.SERVED)))
    assert "was served, and application 1 is called for it" in found[0]


def test_attempts_that_are_not_told_are_seen() -> None:
    """The caller reads what was tried for it."""
    checker = Tiers()
    found = told(checker)
    checker.replied(trip(calls=2), reply(Verdict.SERVED, "ok"))
    assert found == ["#1: 2 calls, and 1 attempts are told"]


def test_a_call_without_time_and_an_answer_after_the_deadline_are_seen() -> None:
    """Neither is of use to anybody."""
    checker = Deadlines()
    found = told(checker, loop=clock(10.5))
    checker.called(flight(budget_s=0.0))
    checker.replied(trip(), reply(Verdict.SERVED, "ok"))
    assert "0.0 s to go" in found[0]
    assert "served 0.500000 s after its deadline" in found[-1]


def test_a_generation_that_is_left_out_is_seen() -> None:
    """Operators count them."""
    checker = Reloads()
    found = told(checker, before={})
    before, after = SimpleNamespace(generation=1, gates={}), SimpleNamespace(generation=3, gates={})
    checker.reloaded(before, after, True)  # type: ignore[arg-type]
    assert found == ["generation 3 follows 1"]


def test_a_request_that_is_answered_and_then_abandoned_is_seen() -> None:
    """One end each."""
    checker = Conservation()
    found = told(checker)
    checker.abandoned(trip(verdict=Verdict.SERVED))
    checker.replied(trip(verdict=Verdict.ABANDONED), reply())
    assert found == ["#1 was served and then abandoned", "#1 was abandoned and then served"]


def test_a_ticket_that_is_stored_twice_is_seen() -> None:
    """Two requests would share an answer."""
    checker = Conservation()
    found = told(checker)
    checker.stored("t")
    checker.stored("t")
    assert found == ["ticket t was stored twice"]


@pytest.mark.parametrize(
    ("status", "what"),
    [(None, "ticket t is lost"), ("dead", "ticket t ended as done and is dead"), ("done", "")],
)
def test_what_the_store_says_at_the_end_is_compared(status: str | None, what: str) -> None:
    """With what was told of the ticket."""
    checker = Conservation()
    found = told(checker)
    checker.stored("t")
    checker.ended("t", "done")
    ticket = None if status is None else SimpleNamespace(status=SimpleNamespace(value=status))
    queue = SimpleNamespace(find_now=lambda name: ticket)
    told(checker, world=SimpleNamespace(queue=queue))
    found = told(checker)
    checker.closed(SimpleNamespace(trips={}, meters=SimpleNamespace(requests={})))  # type: ignore[arg-type]
    assert found == ([what] if what else [])


def test_arrivals_that_are_nowhere_are_seen() -> None:
    """Arrivals = answered + refused + queued + pending."""
    checker = Conservation()
    found = told(checker)
    checker.arrived(trip())
    checker.closed(SimpleNamespace(trips={}, meters=SimpleNamespace(requests={})))  # type: ignore[arg-type]
    assert found == ["1 arrivals, 0 ended and 0 pending"]
