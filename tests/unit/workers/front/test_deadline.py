"""When a request's time is over."""

import pytest

from workers.errors import BadInput
from workers.front.deadline import deadline_of, earliest, rank_of


@pytest.mark.parametrize(
    ("deadline_s", "timeout", "found"),
    [
        (None, None, None),
        (None, 2_000_000, 12.0),
        (11.0, 2_000_000, 11.0),
        (13.0, 2_000_000, 12.0),
        (13.0, 0, 13.0),
    ],
)
def test_the_earlier_of_two_deadlines_counts(
    deadline_s: float | None, timeout: int | None, found: float | None
) -> None:
    """The proxy's budget and the client's own."""
    assert earliest(deadline_s, {"timeout": timeout} if timeout is not None else {}, 10.0) == found


@pytest.mark.parametrize("timeout", [-1, 1.5, "1", True, 10**20])
def test_a_timeout_that_is_none_is_refused(timeout: object) -> None:
    """Guessing would make a promise that nobody asked for."""
    with pytest.raises(BadInput, match="microseconds"):
        earliest(None, {"timeout": timeout}, 0.0)


@pytest.mark.parametrize("text", [b"nan", b"inf", b"1e400", b"-1e13", b"x", b""])
def test_a_budget_that_is_no_number_is_refused(text: bytes) -> None:
    """NaN compares with nothing: it would never expire."""
    with pytest.raises(BadInput, match="Penstock-Deadline-Ms"):
        deadline_of({b"penstock-deadline-ms": text}, 0.0)


@pytest.mark.parametrize(
    ("text", "rank"), [(b"0", 0), (b"3", 3), (b"99999999", 1_000_000), (b"-1", 0), (b"x", 0), (b"9" * 30, 0)]
)
def test_a_rank_is_read_as_far_as_it_can_be(text: bytes, rank: int) -> None:
    """It comes from the proxy; a caller without one is as critical as any."""
    assert rank_of({b"penstock-rank": text}) == rank
    assert rank_of({}) == 0
