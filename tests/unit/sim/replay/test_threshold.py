"""Thresholds: what may be written, and when one is met and believed."""

import pytest

from sim.replay.threshold import Threshold, judge, read_threshold

FIGURES = {
    "p99": 80.0, "max": 1_500.0, "goodput": 0.9995, "lost": 0.0, "deferred": 40.0, "arrivals": 1_000.0,
    "answers": 960.0,
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "met", "shown"),
    [
        ("p99 < 100ms", True, "80.0 ms"),
        ("p99<=0.08s", True, "80.0 ms"),
        ("p99 < 80ms", False, "80.0 ms"),
        ("max < 1s", False, "1,500.0 ms"),
        ("goodput > 99.9%", True, "99.950%"),
        ("goodput >= 99.96%", False, "99.950%"),
        ("lost == 0", True, "0"),
        ("deferred < 5%", True, "4.000%"),
        ("deferred < 40", False, "40"),
    ],
)
def test_a_threshold_is_met_by_its_figure(text: str, met: bool, shown: str) -> None:
    """Times in ms or s, shares in %, counts without a unit or as a share of the arrivals."""
    threshold = read_threshold(text, "a", 1)
    assert isinstance(threshold, Threshold)
    judged = judge(threshold, FIGURES, least=1)
    assert (judged.met, judged.shown, judged.believed) == (met, shown, True)


@pytest.mark.parametrize(
    "text", ["p99", "p99 < 100", "p99 ~ 1ms", "goodput > 99", "lost == 1ms", "p97 < 1ms"]
)
def test_what_is_no_threshold_is_said(text: str) -> None:
    """With a form that is one, by the parser."""
    assert isinstance(read_threshold(text, "a", 1), str)


@pytest.mark.parametrize(
    ("metric", "least", "needed", "believed"),
    [("p50", 0, 20, True), ("p99", 0, 1_000, False), ("p99", 960, 960, True), ("p99.9", 0, 10_000, False)],
)
def test_a_percentile_of_few_answers_is_not_believed(
    metric: str, least: int, needed: int, believed: bool
) -> None:
    """Ten answers at least must be slower than it."""
    threshold = read_threshold(f"{metric} < 100ms", "a", 1)
    assert isinstance(threshold, Threshold)
    judged = judge(threshold, {**FIGURES, metric: 1.0}, least)
    assert (judged.sample_min, judged.believed) == (needed, believed)
