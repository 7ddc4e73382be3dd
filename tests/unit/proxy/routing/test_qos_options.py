"""The options of quality of service: how they are taken, and what is wrong with them."""

import pytest

from proxy.routing.table import BreakerLimits, HealthCheck
from tests.stand_ins.tables import MINIMAL, parsed, refused, with_application


def test_a_breaker_counts_slow_calls_where_the_table_says_what_is_slow() -> None:
    """What is slow is its owner's to know: without `slow` no call is."""
    table = parsed(with_application("breaker: {slow: 80, slowRatio: 0.25}"))
    assert table.applications["1"].breaker == BreakerLimits(slow_s=0.08, slow_ratio=0.25)
    assert parsed(with_application("breaker: {slow: 80}")).applications["1"].breaker.slow_ratio == 0.5
    assert parsed(MINIMAL).applications["1"].breaker.slow_s is None


def test_a_concurrency_is_adaptive_where_the_table_says_so() -> None:
    """Servers that work in batches are slower under load, not worse: it is for their owner to say."""
    assert parsed(with_application("concurrency: 4, adaptive: true")).applications["1"].adaptive
    assert not parsed(with_application("concurrency: 4, adaptive: false")).applications["1"].adaptive
    assert not parsed(with_application("concurrency: 4")).applications["1"].adaptive


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        ("breaker: {slow: 0}", "0 is too small", "it must be above 0"),
        ("breaker: {slow: 5, slowRatio: 1.5}", "1.5 is too large", "at most 1"),
        ("adaptive: true", "adaptive means nothing without concurrency", "state both"),
        ("concurrency: 1, adaptive: 1", "1 is neither true nor false", ""),
        ("concurrency: 1, adaptive: [true]", "a list is neither true nor false", ""),
        ("concurrency: 1, adaptive: '${NOPE}'", "NOPE", ""),
        ("health: {every: 5}", "a health check has no path", "GET"),
        ("health: {path: ready}", "ready is not a path", "/v2/health/ready"),
        ("health: {path: '/a b'}", "is not a path", "/v2/health/ready"),
        ("health: {path: /, down: 0}", "0 is out of range", "from 1"),
        ("health: /ready", "a health check is a mapping", "path"),
        ("breaker: {slowRatio: 0.5}", "slowRatio means nothing without slow", "state both"),
    ],
)
def test_an_option_of_an_application_that_is_wrong(options: str, message: str, hint: str) -> None:
    """One problem each, that says what is wanted."""
    (problem,) = refused(with_application(options))
    assert message in problem.message
    assert hint in problem.hint


def test_the_first_class_is_hedged_where_the_table_says_so() -> None:
    """It costs calls: who pays for them says so."""
    table = parsed(MINIMAL + "classes: [{name: a, label: 1, hedge: true}, {name: b, label: 2, hedge: false}]")
    assert [each.hedge for each in table.classes] == [True, False, False]


def test_no_other_class_can_be_hedged() -> None:
    """Second calls of a less critical class would take permits from the most critical one."""
    (problem,) = refused(MINIMAL + "classes:\n- {name: a, label: 1}\n- {name: b, label: 2, hedge: true}")
    assert "class 'b' cannot be hedged" in problem.message
    assert "only the first class" in problem.hint


def test_servers_are_asked_whether_they_are_well_where_the_table_says_how() -> None:
    """There is no path that every server knows."""
    stated = "health: {path: '/v2/health/ready?deep=1', every: 250, timeout: 100, down: 4, up: 1}"
    assert parsed(with_application(stated)).applications["1"].health == HealthCheck(
        path="/v2/health/ready?deep=1", every_s=0.25, timeout_s=0.1, down=4, up=1
    )
    assert parsed(with_application("health: {path: /up}")).applications["1"].health == HealthCheck(path="/up")
    assert parsed(MINIMAL).applications["1"].health is None
