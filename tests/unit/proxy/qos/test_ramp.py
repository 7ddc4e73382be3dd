"""Who comes back gets its load by and by."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.qos.ramp import SHARE_MIN, SPAN_S, Ramp

SPANS = st.floats(0.1, 100)


def test_who_was_never_ill_has_its_whole_weight() -> None:
    """A start of the proxy is no recovery of the applications."""
    assert Ramp().share(0.0) == 1.0


def test_from_a_tenth_in_a_straight_line_to_the_whole() -> None:
    """Cold caches and empty pools fill before the whole load comes."""
    ramp = Ramp()
    ramp.restart(100.0)
    assert ramp.share(100.0) == SHARE_MIN
    assert ramp.share(100.0 + SPAN_S / 2) == pytest.approx((SHARE_MIN + 1.0) / 2)
    assert ramp.share(100.0 + SPAN_S) == 1.0


@given(SPANS, st.lists(st.floats(0, 200), min_size=1, max_size=50))
def test_the_share_only_ever_rises_and_keeps_its_bounds(span_s: float, ages_s: list[float]) -> None:
    """Traffic that swings would be worse than the jump."""
    ramp = Ramp(span_s)
    ramp.restart(0.0)
    shares = [ramp.share(age_s) for age_s in sorted(ages_s)]
    assert shares == sorted(shares)
    assert all(SHARE_MIN <= share <= 1.0 for share in shares)
    assert ramp.share(span_s) == 1.0


@given(SPANS, st.floats(0, 200))
def test_another_recovery_begins_anew(span_s: float, again_s: float) -> None:
    """An application that fell ill on the way up has earned nothing yet."""
    ramp = Ramp(span_s)
    ramp.restart(0.0)
    ramp.restart(again_s)
    assert ramp.share(again_s) == SHARE_MIN
