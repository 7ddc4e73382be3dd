"""The asking: at an interval, within a timeout, through the cluster port, and of nobody who is gone."""

import random

import pytest

from proxy.checkups import Checkups
from proxy.messages import Answer, Failure, Outcome
from proxy.qos.gate import Bar, Gate
from proxy.routing.table import Application, HealthCheck
from tests.stand_ins.clock import ManualClock, ManualTimers
from tests.stand_ins.cluster import ManualCluster
from tests.stand_ins.log import RecordingLog

READY = HealthCheck(path="/v2/health/ready", every_s=1.0, timeout_s=0.5, down=2, up=2)
WELL, UNWELL = Answer(status=200), Answer(status=503)
ONE, TWO = "http://one", "http://two"


def application(name: str = "a", *endpoints: str, health: HealthCheck | None = READY) -> Application:
    return Application(
        id=name,
        endpoints=endpoints or (ONE, TWO),
        model="m",
        concurrency=1,
        headers=((b"Authorization", b"secret"),),
        health=health,
    )


class Ward:
    """Gates whose endpoints are asked; the servers' words are the test's."""

    def __init__(self, *applications: Application) -> None:
        self.clock = ManualClock()
        self.timers = ManualTimers(self.clock)
        self.cluster = ManualCluster()
        self.log = RecordingLog()
        self.gates = {each.id: Gate(each) for each in applications or (application(),)}
        self.checkups = Checkups(
            clusters={"http": self.cluster},
            clock=self.clock,
            timers=self.timers,
            rng=random.Random(1),
            log=self.log,
        )
        self.checkups.follow(self.gates)

    def pass_on(self, rounds: int, words: dict[str, Answer | Failure]) -> None:
        """So many checks of each endpoint, that say so; of one without a word nothing is heard."""
        for _ in range(rounds):
            for _ in range(60):
                self.timers.advance(0.02)
                for call in self.cluster.calls:
                    if not call.ended and not call.cancelled and call.target.url in words:
                        call.end(words[call.target.url])

    def bar(self, name: str = "a") -> Bar | None:
        return self.gates[name].bar(self.clock.now())

    def down(self, name: str = "a") -> list[str]:
        return [each.target.url for each in self.gates[name].endpoints if each.health.down]


def test_every_endpoint_is_asked_again_and_again_with_the_tables_path_and_fields() -> None:
    """Word for word: a model's name in the path is what the table says, not what it is called there."""
    ward = Ward()
    ward.pass_on(4, {ONE: WELL, TWO: WELL})
    asked = [call.target.url for call in ward.cluster.calls]
    assert min(asked.count(ONE), asked.count(TWO)) >= 4
    call = ward.cluster.last
    assert (call.request.method, call.request.target) == (b"GET", b"/v2/health/ready")
    assert call.target.headers == ((b"Authorization", b"secret"),)
    assert call.target.model == ""
    assert call.budget_s == 0.5


def test_an_endpoint_that_says_it_is_not_well_gets_no_calls_until_it_is() -> None:
    """The others have them; it is told once, each time."""
    ward = Ward()
    ward.pass_on(3, {ONE: UNWELL, TWO: WELL})
    assert ward.down() == [ONE]
    assert ward.bar() is None
    for u in (0.0, 0.9):
        taken = ward.gates["a"].enter(ward.clock.now(), u)
        assert taken.endpoint.target.url == TWO
        ward.gates["a"].leave(taken, Outcome.OK, ward.clock.now())
    ward.pass_on(3, {ONE: WELL, TWO: WELL})
    assert ward.down() == []
    assert [name for _, name, _ in ward.log.events] == ["endpoint_down", "endpoint_up"]


def test_an_application_whose_servers_are_all_down_is_passed_over() -> None:
    """The half that outlier detection spares is spared on the word of calls, not against their own."""
    ward = Ward()
    ward.pass_on(3, {ONE: UNWELL, TWO: Failure(outcome=Outcome.REFUSED, cause="no connection")})
    assert ward.down() == [ONE, TWO]
    assert ward.bar() is Bar.HEALTH


def test_of_the_endpoints_that_are_up_the_better_half_is_still_spared() -> None:
    """One is down by its own word, the other by that of calls: who is up is called."""
    ward = Ward()
    ward.pass_on(3, {ONE: UNWELL, TWO: WELL})
    for _ in range(5):
        ward.gates["a"].endpoints[1].health.settle(blamed=True, probe=False, now=ward.clock.now())
    assert ward.gates["a"].enter(ward.clock.now(), 0.5).endpoint.target.url == TWO


def test_where_those_that_are_well_are_held_one_that_failed_is_called_and_never_one_that_is_down() -> None:
    """It may be better by now; the one that is down says itself that it is not."""
    down, held, failed = endpoints = (ONE, TWO, "http://three")
    ward = Ward(application("a", *endpoints))
    ward.pass_on(3, {down: UNWELL, held: WELL, failed: WELL})
    now, gate = ward.clock.now(), ward.gates["a"]
    gate.endpoints[1].held_until_s = now + 1.0
    for _ in range(5):
        gate.endpoints[2].health.settle(blamed=True, probe=False, now=now)
    for u in (0.0, 0.3, 0.6, 0.9):
        taken = gate.enter(now, u)
        assert taken.endpoint.target.url == failed
        gate.leave(taken, Outcome.OK, now)


def test_a_held_endpoint_beside_one_that_is_down_holds_the_application() -> None:
    """It asked for quiet: the one that is down is no way out."""
    ward = Ward()
    ward.pass_on(3, {ONE: UNWELL, TWO: WELL})
    ward.gates["a"].endpoints[1].held_until_s = ward.clock.now() + 1.0
    assert ward.bar() is Bar.HELD


def test_a_check_that_is_not_answered_in_time_is_a_failed_one_and_is_given_up() -> None:
    """A black hole accepts connections."""
    ward = Ward(application("a", ONE))
    ward.pass_on(4, {})
    assert ward.down() == [ONE]
    assert sum(not call.cancelled for call in ward.cluster.calls) <= 1


def test_a_check_that_times_out_because_this_process_stood_still_says_nothing() -> None:
    """One stall would set aside the whole fleet."""
    ward = Ward(application("a", ONE))
    ward.timers.late = True
    ward.pass_on(6, {})
    assert ward.down() == []
    assert len(ward.cluster.calls) > 3


def test_a_check_takes_no_permit_and_says_nothing_to_the_breaker() -> None:
    """The servers' only slot is for callers; and a 503 here is no failed call."""
    ward = Ward(application("a", ONE))
    ward.pass_on(30, {ONE: UNWELL})
    gate = ward.gates["a"]
    assert gate.permits.in_flight == 0
    assert gate.breaker.steady()
    taken = gate.enter(ward.clock.now(), 0.0)
    asked = len(ward.cluster.calls)
    ward.pass_on(2, {ONE: WELL})
    assert len(ward.cluster.calls) > asked, "with no permit left it is asked all the same"
    gate.leave(taken, Outcome.OK, ward.clock.now())


@pytest.mark.parametrize(
    "after", [{}, {"a": application(health=None)}, {"a": application("a", "http://three")}]
)
def test_who_is_gone_or_no_longer_to_be_asked_is_not(after: dict[str, Application]) -> None:
    """Nothing is known of it then: a gate that comes back must not be barred for ever."""
    ward = Ward()
    ward.pass_on(3, {ONE: UNWELL, TWO: WELL})
    endpoint = ward.gates["a"].endpoints[0]
    for name, stated in after.items():
        ward.gates[name].adopt(stated, ward.clock.now())
    ward.checkups.follow({name: ward.gates[name] for name in after})
    assert not endpoint.health.down
    before = len(ward.cluster.calls)
    ward.pass_on(3, {"http://three": WELL})
    assert {call.target.url for call in ward.cluster.calls[before:]} <= {"http://three"}
    ward.checkups.stop()
    assert ward.timers.pending == 0


def test_a_reload_keeps_what_is_known_and_takes_up_the_new_interval() -> None:
    """An endpoint that is down stays so: a reload each second must not bring it back each second."""
    ward = Ward()
    ward.pass_on(3, {ONE: UNWELL, TWO: WELL})
    slower = HealthCheck(path="/other", every_s=5.0, down=2, up=2)
    ward.gates["a"].adopt(application(health=slower), ward.clock.now())
    ward.checkups.follow(ward.gates)
    assert ward.down() == [ONE]
    before = len(ward.cluster.calls)
    ward.pass_on(10, {ONE: UNWELL, TWO: WELL})
    asked = ward.cluster.calls[before:]
    assert ward.down() == [ONE]
    assert asked[-1].request.target == b"/other"
    assert 4 <= len(asked) <= 8, "ten times 1.2 s hold two or three checks of each"


def test_stopping_gives_up_what_is_asked_at_that_moment() -> None:
    """Nothing keeps the process."""
    ward = Ward()
    ward.timers.advance(1.0)
    assert any(not call.cancelled for call in ward.cluster.calls)
    ward.checkups.stop()
    assert all(call.cancelled for call in ward.cluster.calls if not call.ended)
    assert ward.timers.pending == 0


def test_an_application_that_asks_for_no_checks_is_not_asked() -> None:
    """It is for the table to say what a server can be asked."""
    ward = Ward(application(health=None))
    ward.timers.advance(10.0)
    assert ward.cluster.calls == []
