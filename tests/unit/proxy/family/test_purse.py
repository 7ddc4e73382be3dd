"""The purse: the fall-through budget of several processes is that of one (invariant I7)."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.family.ledger import Ledger, new_memory
from proxy.qos.budget import BALANCE_MAX, Budget, Spending

PROCESSES = 3

HISTORY = st.lists(
    st.tuples(st.floats(0, 3), st.integers(0, 60), st.integers(0, 120), st.integers(0, PROCESSES)),
    min_size=1,
    max_size=40,
)
"""Gaps in seconds, arrivals, how many wish for one call more, and who."""


def purses() -> tuple[list[Ledger], list[Spending]]:
    """One of each process, over one memory."""
    memory = new_memory(PROCESSES)
    ledgers = [Ledger(memory, processes=PROCESSES, column=each) for each in range(PROCESSES + 1)]
    return ledgers, [ledger.purse() for ledger in ledgers]


@given(HISTORY)
def test_processes_together_take_what_one_alone_would(history: list[tuple[float, int, int, int]]) -> None:
    """N budgets of their own would be N times the constants. Who is started again has no new reserve."""
    ledgers, shared = purses()
    alone, now = Budget(100.0), 100.0
    for gap_s, came, wishes, who in history:
        now += gap_s
        for number in range(came):
            shared[(who + number) % (PROCESSES + 1)].arrive(now)
            alone.arrive(now)
        shared[who] = ledgers[who].purse()  # killed, and started again
        got = sum(shared[(who + number) % (PROCESSES + 1)].take(now) for number in range(wishes))
        assert abs(got - sum(alone.take(now) for _ in range(wishes))) <= 1, "but for rounding"
        while alone.affords(now) and shared[who].affords(now):
            alone.take(now)
            shared[who].take(now)
    ledgers[0].close()


def test_who_asks_whether_there_is_a_token_takes_none() -> None:
    """A tier may be barred after all."""
    ledgers, shared = purses()
    assert all(shared[0].affords(5.0) for _ in range(1_000))
    assert sum(shared[number % 2].take(5.0) for number in range(1_000)) == BALANCE_MAX
    assert not shared[2].affords(5.0)
    ledgers[0].close()


def test_a_new_tables_share_counts_from_then_on() -> None:
    """What came before was paid in by the older one."""
    ledgers, (purse, other, *_) = purses()
    for each in (purse, other):
        each.limit(0.2, 0.0, 5.0)
    assert sum(purse.take(5.0) for _ in range(200)) == BALANCE_MAX
    for _ in range(10):
        other.arrive(5.0)
    for each in (purse, other):
        each.limit(1.0, 0.0, 9.0)
    assert [other.take(9.0) for _ in range(3)] == [True, True, False]
    purse.arrive(9.0)
    assert [other.take(9.0) for _ in range(2)] == [True, False]
    ledgers[0].close()
