"""The soak's verdict: growth, speed and errors of many slices."""

import pytest

from sim.bench.soak import Slice, verdict


def slices_of(*rss_kib: float, per_s: tuple[float, ...] = (), errors: int = 0) -> list[Slice]:
    return [
        Slice(
            minutes=1.0 + place,
            rss_kib=each,
            per_s=per_s[place] if per_s else 100.0,
            errors=errors,
            trouble="",
        )
        for place, each in enumerate(rss_kib)
    ]


def test_growth_is_by_the_line_through_all_slices_not_by_the_first_and_the_last() -> None:
    """Memory wobbles by pages: one odd slice at the end is no leak, and hides none."""
    found = verdict(slices_of(100.0, 110.0, 120.0, 130.0, 140.0))
    assert (found.kib_per_minute, found.growth) == (pytest.approx(10.0), pytest.approx(0.4))
    wobbling = verdict(slices_of(100.0, 100.0, 100.0, 100.0, 100.0, 100.0, 100.0, 109.0))
    assert 0 < wobbling.growth < 0.06


def test_a_process_that_keeps_its_size_does_not_grow() -> None:
    """The usual answer must be able to come out."""
    assert verdict(slices_of(100.0, 100.0, 100.0)).growth == 0.0


def test_speed_is_told_at_the_start_and_at_the_end_each_by_the_middle_of_three_slices() -> None:
    """One slow slice on a busy machine is no slowing down; all of the last ones are."""
    found = verdict(slices_of(*[100.0] * 7, per_s=(90.0, 10.0, 95.0, 80.0, 50.0, 51.0, 99.0)))
    assert (found.per_s_start, found.per_s_end) == (90.0, 51.0)


def test_the_errors_of_all_slices_are_added_up_and_told() -> None:
    """Refusing keeps a process small."""
    found = verdict(slices_of(100.0, 100.0, errors=3))
    assert found.errors == 6
    assert "6 errors" in found.text
