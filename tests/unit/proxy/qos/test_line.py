"""The line: who is next, and who is sent away."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.qos import line as line_module
from proxy.qos.line import Line, Waiter


class Waits:
    """A line, and what became of those who joined it."""

    def __init__(self) -> None:
        self.line = Line("a")
        self.evicted: list[str] = []

    def waiter(self, rank: int, deadline: float = 10.0, request_id: str = "r", caller: str = "") -> Waiter:
        return Waiter(
            rank=rank,
            deadline=deadline,
            since_s=0.0,
            request_id=request_id,
            caller=caller,
            wake=lambda application, now: True,
            evict=lambda application: self.evicted.append(f"{request_id} from {application}"),
        )


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5)), max_size=30))
def test_the_most_critical_is_first_then_the_earlier_deadline_then_who_came_first(
    came: list[tuple[int, int]],
) -> None:
    """Priority never turns into the order of tiers, nor into luck."""
    waits = Waits()
    for number, (rank, deadline) in enumerate(came):
        waiter = waits.waiter(rank, deadline, str(number))
        before = [(each.rank, each.deadline) for each in waits.line.waiters]
        assert waits.line.ahead_of(waiter) == sum(each <= (rank, deadline) for each in before)
        assert waits.line.join(waiter) is not None
    expected = sorted(range(len(came)), key=lambda number: (*came[number], number))
    assert [int(each.request_id) for each in waits.line.waiters] == expected
    assert waits.line.waiting == len(came)


def test_who_leaves_is_not_called_any_more() -> None:
    """The others keep their order."""
    waits = Waits()
    places = [waits.line.join(waits.waiter(1, request_id=each)) for each in "abc"]
    assert places[1] is not None
    waits.line.leave(places[1])
    assert [each.request_id for each in waits.line.waiters] == ["a", "c"]
    assert waits.line.first().request_id == "a"


def test_a_full_line_sends_the_least_critical_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """And nobody who is more critical than the one who comes."""
    monkeypatch.setattr(line_module, "WAITERS_MAX", 2)
    waits = Waits()
    waits.line.join(waits.waiter(0, request_id="first"))
    waits.line.join(waits.waiter(2, request_id="last"))
    assert waits.line.join(waits.waiter(2, request_id="late")) is None
    assert waits.line.join(waits.waiter(1, request_id="middle")) is not None
    assert waits.evicted == ["last from a"]
    assert [each.request_id for each in waits.line.waiters] == ["first", "middle"]


def test_a_line_of_none_lets_nobody_wait() -> None:
    """As limiters have it that know no line; the simulation compares with them."""
    waits = Waits()
    waits.line.waiters_max = 0
    assert waits.line.join(waits.waiter(0)) is None
    assert waits.line.waiters == []


def served(line: Line) -> str:
    """Take the first one out."""
    (place, *_) = line._places
    line.leave(place)
    return place.waiter.request_id


def test_a_caller_that_asks_a_hundred_times_as_much_waits_for_its_own_requests() -> None:
    """The others go between, whenever they come."""
    waits = Waits()
    for number in range(100):
        waits.line.join(waits.waiter(1, request_id=f"hot {number}", caller="hot"))
    assert [served(waits.line) for _ in range(10)] == [f"hot {number}" for number in range(10)]
    for name in ("one", "two"):
        for number in range(2):
            waits.line.join(waits.waiter(1, request_id=f"{name} {number}", caller=name))
    order = [served(waits.line) for _ in range(7)]
    assert order == ["one 0", "two 0", "hot 10", "one 1", "two 1", "hot 11", "hot 12"]


def test_turns_are_within_a_class() -> None:
    """A critical request of a hot caller still goes before the others' less critical ones."""
    waits = Waits()
    for number in range(3):
        waits.line.join(waits.waiter(0, request_id=f"hot {number}", caller="hot"))
    waits.line.join(waits.waiter(1, request_id="other", caller="other"))
    assert [served(waits.line) for _ in range(4)] == ["hot 0", "hot 1", "hot 2", "other"]


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from("abc")), max_size=40), st.data())
def test_while_all_wait_no_caller_is_served_two_more_than_another(
    came: list[tuple[int, str]], data: st.DataObject
) -> None:
    """The bound of start-time fair queueing, in requests, for callers that wait all the time."""
    waits = Waits()
    for rank, caller in came:
        waits.line.join(waits.waiter(rank, request_id=f"{rank}{caller}", caller=caller))
    counts = dict.fromkeys("abc", 0)
    while waits.line.waiting and waits.line.first().rank == 0:
        waiting = {each.caller for each in waits.line.waiters if each.rank == 0}
        if waiting != set("abc"):
            break
        counts[served(waits.line)[1]] += 1
        assert max(counts.values()) - min(counts.values()) <= 1


def test_turns_that_are_over_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that is never empty must not remember every caller there ever was."""
    monkeypatch.setattr(line_module, "CALLERS_MAX", 3)
    waits = Waits()
    for number in range(20):
        waits.line.join(waits.waiter(0, request_id=str(number), caller=f"caller {number}"))
    for _ in range(4):
        waits.line.join(waits.waiter(0, caller="hot"))
    for _ in range(22):
        served(waits.line)
    assert waits.line.waiting == 2
    assert set(waits.line._next_turns) == {(0, "hot")}
    for _ in range(2):
        served(waits.line)
    assert not waits.line._next_turns
