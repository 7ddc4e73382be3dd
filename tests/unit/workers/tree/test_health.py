"""Whether a model is well, and when it must prove it."""

import pytest

from workers.tree.backoff import DELAY_S_MAX, LIVED_S, Backoff
from workers.tree.health import FAILURES_DOUBTED, LATELY_S, PROVE_AFTER_S, Health, healthy


@pytest.mark.parametrize(
    ("failed", "since_s", "well"),
    [
        (0, 0.0, True),
        (FAILURES_DOUBTED - 1, 0.0, True),
        (FAILURES_DOUBTED, 0.0, False),
        (0, LATELY_S, False),
    ],
)
def test_a_model_is_well_if_it_succeeded_lately_and_does_not_fail_in_a_row(
    failed: int, since_s: float, well: bool
) -> None:
    """A device that hangs fails nothing; it only does not succeed any more."""
    assert healthy(failed, since_s) == well


def test_a_model_that_nobody_asks_proves_itself_one_proof_at_a_time() -> None:
    """Without it, idleness would look like sickness."""
    health = Health(0.0)
    assert not health.must_prove(PROVE_AFTER_S - 0.1)
    assert health.must_prove(PROVE_AFTER_S)
    assert not health.must_prove(PROVE_AFTER_S * 5)
    health.proved(PROVE_AFTER_S * 5, succeeded=True)
    assert not health.must_prove(PROVE_AFTER_S * 5 + 1)
    assert health.must_prove(PROVE_AFTER_S * 6)


def test_real_work_is_proof_enough() -> None:
    """A sample would take from the callers."""
    health = Health(0.0)
    health.ran(PROVE_AFTER_S, succeeded=True, failed=False)
    assert not health.must_prove(PROVE_AFTER_S + 1)


def test_a_model_in_doubt_proves_itself_at_once_then_every_second() -> None:
    """It comes back as soon as it can, and is not asked without pause until then."""
    health = Health(0.0)
    for _ in range(FAILURES_DOUBTED):
        health.ran(1.0, succeeded=False, failed=True)
    assert health.must_prove(1.0)
    health.proved(1.1, succeeded=False)
    assert not health.must_prove(1.9)
    assert health.must_prove(2.0)
    health.proved(2.1, succeeded=True)
    assert health.failed == 0


def test_what_was_refused_says_nothing() -> None:
    """A caller's mistake neither adds to the failures nor clears them."""
    health = Health(0.0)
    health.ran(1.0, succeeded=False, failed=True)
    health.ran(2.0, succeeded=False, failed=False)
    assert (health.failed, health.succeeded_s) == (1, 0.0)


def test_who_dies_again_and_again_is_started_ever_more_slowly_within_a_limit() -> None:
    """A crash loop must not take the machine; one crash must cost nothing."""
    backoff = Backoff()
    delays = [backoff.after(0.1) for _ in range(10)]
    assert delays[:4] == [0.0, 0.25, 0.5, 1.0]
    assert delays[-1] == DELAY_S_MAX
    assert backoff.after(LIVED_S) == 0.0
