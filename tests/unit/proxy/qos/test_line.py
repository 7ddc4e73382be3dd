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

    def waiter(self, rank: int, deadline: float = 10.0, request_id: str = "r") -> Waiter:
        return Waiter(
            rank=rank,
            deadline=deadline,
            since_s=0.0,
            request_id=request_id,
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
