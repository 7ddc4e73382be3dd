"""How a process sees the applications, for whoever explains it."""

from proxy.admin.census import sight
from proxy.messages import Outcome
from proxy.qos.gate import Gate, Pass
from proxy.qos.service import SAMPLES_MIN
from proxy.routing.table import Application

NOW = 1000.0


def gate(*urls: str) -> Gate:
    return Gate(Application(id="a", endpoints=urls))


def entered(gate: Gate) -> Pass:
    taken = gate.enter(NOW, 0.0)
    assert isinstance(taken, Pass)
    return taken


def test_a_healthy_application_is_left_out() -> None:
    """Ten thousand of them are not to be sent each time somebody looks."""
    seen = sight({"a": gate("http://h:1")}, NOW)
    assert (seen.bars, seen.parts, seen.medians_s, seen.endpoints) == ({}, {}, {}, {})


def test_bars_the_ramp_and_what_calls_take_are_seen() -> None:
    """All that the draw looks at."""
    one = gate("http://h:1")
    for _ in range(SAMPLES_MIN):
        one.leave(entered(one), Outcome.OK, NOW, 0.25)
    one.ramp.restart(NOW)
    other = gate("http://h:1")
    other.drained = True
    seen = sight({"a": one, "b": other}, NOW + 1.0)
    assert seen.bars == {"b": "drained"}
    assert 0.1 < seen.parts["a"] < 1.0
    assert seen.medians_s == {"a": 0.25}


def test_endpoints_that_are_sick_or_asked_for_quiet_are_seen() -> None:
    """The draw among endpoints leaves them out."""
    several = gate("http://h:1", "http://h:2", "http://h:3", "http://h:4")
    for _ in range(10):
        several.endpoints[1].health.settle(blamed=True, probe=False, now=NOW)
    several.endpoints[2].held_until_s = NOW + 1
    seen = sight({"a": several}, NOW)
    assert seen.endpoints == {"a": {"http://h:2": "health", "http://h:3": "held"}}
