"""What a status means: the two tables, row by row."""

import pytest

from proxy.messages import Answer, Outcome, Request
from proxy.routing.table import QosClass
from proxy.tiers.deadline import attempt_budget, deadline_of
from proxy.tiers.outcome import BLAMES, CATALOG_FALLS_THROUGH, FALLS_THROUGH, outcome_of, retry_after_of


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, Outcome.OK),
        (299, Outcome.OK),
        (199, Outcome.GARBAGE),
        (300, Outcome.GARBAGE),
        (399, Outcome.GARBAGE),
        (400, Outcome.REJECTED),
        (401, Outcome.DENIED),
        (403, Outcome.DENIED),
        (404, Outcome.REJECTED),
        (408, Outcome.FAILED),
        (413, Outcome.REJECTED),
        (429, Outcome.THROTTLED),
        (450, Outcome.THROTTLED),
        (499, Outcome.REJECTED),
        (500, Outcome.FAILED),
        (599, Outcome.FAILED),
        (600, Outcome.GARBAGE),
    ],
)
def test_a_status_has_one_meaning(status: int, outcome: Outcome) -> None:
    """The contract's list, with its edges."""
    assert outcome_of(status) is outcome


def test_every_outcome_is_decided_in_every_table() -> None:
    """A new outcome must not fall through by accident."""
    for table in (FALLS_THROUGH, BLAMES, CATALOG_FALLS_THROUGH):
        assert set(table) == set(Outcome)


def test_load_and_the_callers_errors_do_not_speak_against_an_application() -> None:
    """Only sickness opens a breaker."""
    assert {each for each, blamed in BLAMES.items() if not blamed} == {
        Outcome.OK,
        Outcome.REJECTED,
        Outcome.SUPERSEDED,
        Outcome.THROTTLED,
    }


@pytest.mark.parametrize(
    ("status", "value", "seconds"),
    [(429, b"3", 3.0), (450, b"1", 1.0), (503, b"7", 7.0), (500, b"3", None), (429, b"soon", None)],
)
def test_only_a_throttling_answer_with_seconds_asks_for_quiet(
    status: int, value: bytes, seconds: float | None
) -> None:
    """A date is not worth parsing here; a 500 says nothing about when."""
    headers = ((b"Content-Type", b"text/plain"), (b"retry-after", value))
    assert retry_after_of(Answer(status=status, headers=headers)) == seconds


def test_an_answer_without_the_field_asks_for_nothing() -> None:
    """Most do not say."""
    assert retry_after_of(Answer(status=429)) is None


@pytest.mark.parametrize(
    ("of_class", "of_caller", "deadline"),
    [(None, None, float("inf")), (2.0, None, 12.0), (None, 3.0, 13.0), (2.0, 3.0, 12.0), (2.0, 1.0, 11.0)],
)
def test_a_caller_can_only_shorten_the_deadline(
    of_class: float | None, of_caller: float | None, deadline: float
) -> None:
    """Penstock-Deadline-Ms is a wish, the class's deadline a rule."""
    request = Request(id="r", method=b"POST", target=b"/", arrived_s=10.0, deadline_s=of_caller)
    qos = QosClass(name="a", rank=0, labels=frozenset(), deadline_s=of_class)
    assert deadline_of(request, qos) == deadline


def test_an_attempt_lasts_to_the_timeout_or_the_deadline_whichever_is_first() -> None:
    """So that a black hole costs no more than its row says."""
    assert attempt_budget(0.1, 10.0) == 0.1
    assert attempt_budget(0.1, 0.05) == pytest.approx(0.05)
