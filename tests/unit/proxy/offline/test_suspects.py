"""Poison is what fails while others are served; everything else only waits."""

from collections import Counter

import pytest

from proxy.messages import Attempt, Outcome
from proxy.offline.suspects import Suspects


def attempts(*outcomes: Outcome, application: str = "1") -> tuple[Attempt, ...]:
    return tuple(Attempt(application=application, tier=0, outcome=each, elapsed_s=0.1) for each in outcomes)


@pytest.fixture
def served() -> Counter[str]:
    return Counter()


@pytest.fixture
def suspects(served: Counter[str]) -> Suspects:
    return Suspects(served=served.__getitem__, suspects_max=2)


def test_a_fleet_that_is_down_makes_no_strikes(suspects: Suspects) -> None:
    """However long the outage: no ticket dies of it."""
    for _ in range(100):
        record = suspects.fail("t", attempts(Outcome.FAILED))
    assert (record.failures, record.strikes) == (100, 0)


def test_a_failure_after_others_were_served_is_a_strike(suspects: Suspects, served: Counter[str]) -> None:
    """The server is well, the ticket is not."""
    served["1"] = 5
    assert suspects.fail("t", attempts(Outcome.FAILED)).strikes == 0, "the first sets the mark"
    served["1"] = 6
    assert suspects.fail("t", attempts(Outcome.FAILED)).strikes == 1
    assert suspects.fail("t", attempts(Outcome.FAILED)).strikes == 1, "nothing was served since"


def test_an_application_that_serves_says_nothing_of_another_that_fails(
    suspects: Suspects, served: Counter[str]
) -> None:
    """One model's outage while the others are well."""
    for count in range(5):
        served["2"] = count
        record = suspects.fail("t", attempts(Outcome.FAILED))
    assert record.strikes == 0


@pytest.mark.parametrize(
    "outcome", [Outcome.TIMEOUT, Outcome.REFUSED, Outcome.THROTTLED, Outcome.DENIED], ids=lambda o: o.value
)
def test_what_does_not_speak_of_the_ticket_is_no_strike(
    suspects: Suspects, served: Counter[str], outcome: Outcome
) -> None:
    """Load, a network and a wrong credential are nobody's payload."""
    for count in range(5):
        served["1"] = count
        record = suspects.fail("t", attempts(outcome))
    assert record.strikes == 0


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.RESET, Outcome.GARBAGE], ids=lambda o: o.value)
def test_a_try_is_one_strike_however_many_attempts_it_had(
    suspects: Suspects, served: Counter[str], outcome: Outcome
) -> None:
    """Tiers are not tries; one that crashes the server counts as one that fails."""
    suspects.fail("t", attempts(outcome) + attempts(outcome, application="2"))
    served.update(["1", "2"])
    assert suspects.fail("t", attempts(outcome) + attempts(outcome, application="2")).strikes == 1


def test_a_ticket_that_ended_is_forgotten(suspects: Suspects) -> None:
    """Redriven, it begins anew."""
    suspects.fail("t", attempts(Outcome.FAILED))
    suspects.clear("t")
    suspects.clear("t")
    assert suspects.fail("t", attempts(Outcome.FAILED)).failures == 1


def test_the_suspect_first_seen_is_forgotten_first(suspects: Suspects) -> None:
    """An outage makes a suspect of every ticket."""
    for name in ("a", "b", "a", "c"):
        suspects.fail(name, attempts(Outcome.FAILED))
    assert suspects.fail("b", attempts(Outcome.FAILED)).failures == 2
    assert suspects.fail("a", attempts(Outcome.FAILED)).failures == 1
