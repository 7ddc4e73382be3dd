"""Parser, table, draw, chain, gates, breakers and permits against the specification beside this file.

Random tables; on each, a sequence of requests while applications fail, time out, throttle, are drained
and undrained, and while other traffic takes their permits. Everything that can be seen must agree.
"""

import json
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import hypothesis
from hypothesis import given
from hypothesis import strategies as st

from proxy.messages import Answer, Failure, Outcome, Request, Target
from proxy.qos.gate import Gate, Pass
from proxy.qos.ramp import Ramp
from proxy.qos.service import ServiceTime
from proxy.tiers.chain import Chain
from proxy.tiers.deadline import deadline_of
from proxy.tiers.ground import Ground
from proxy.tiers.outcome import FALLS_THROUGH
from tests.contract import routing_specification as spec
from tests.stand_ins.clock import ManualClock
from tests.stand_ins.tables import parsed

TABLES = 1_500
REQUESTS_PER_TABLE = 105
CASES_MIN = 100_000
APPLICATIONS = ("1", "2", "three", "4")
LABELS = ("1", "44", "1125", "vip")
GRAIN_S = 1 / 32  # 31.25 ms: a power of two, so that sums and differences are exact
SLIVERS_S = (0.0, 1 / 2048, 1 / 1024, 1 / 512)  # below and above the millisecond that is a chance

ENDINGS: tuple[int | str, ...] = (
    *(
        200,
        200,
        200,
        200,
        200,
        200,
        200,
        200,
        201,
        400,
        404,
        413,
        415,
        422,
        401,
        403,
        408,
        429,
        450,
        500,
        502,
        503,
        504,
        302,
    ),
    *("refused", "reset", "garbage"),
)

_routes = st.lists(
    st.fixed_dictionaries(
        {
            "application": st.sampled_from(APPLICATIONS),
            "timeout_s": st.integers(1, 12).map(lambda grains: grains * GRAIN_S),
            "weight": st.sampled_from([0, 0.5, 1, 2, 4, 10, 50]),
            "priority": st.integers(-1, 2),
            "label": st.sampled_from(["*", *LABELS, *LABELS]).flatmap(
                lambda first: st.lists(st.sampled_from(LABELS), max_size=2).map(
                    lambda more: sorted({first, *more})
                )
            ),
        }
    ),
    min_size=1,
    max_size=9,
    unique_by=lambda row: (row["application"], row["priority"], tuple(row["label"])),
)
_classes = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.sampled_from(["a", "b", "c"]),
            "label": st.lists(st.sampled_from(LABELS), min_size=1, max_size=2),
            "deadline_s": st.none() | st.integers(1, 20).map(lambda grains: grains * GRAIN_S),
        }
    ),
    max_size=2,
    unique_by=lambda each: each["name"],
)
_limits = st.fixed_dictionaries(
    {
        "concurrency": st.none() | st.integers(1, 2),
        "rate": st.none() | st.sampled_from([2.0, 8.0]),
        "burst": st.integers(1, 3),
        "consecutive": st.integers(1, 4),
        "rest_s": st.sampled_from([4 * GRAIN_S, 16 * GRAIN_S]),
        "rest_max_s": st.sampled_from([16 * GRAIN_S, 48 * GRAIN_S]),
    }
)


def test_routing_agrees_with_its_specification_over_100_000_requests() -> None:
    """Two independent readings of one contract: where they differ, one of them is wrong."""
    seen: Counter[str] = Counter()
    seed = random.SystemRandom().getrandbits(32)
    print(f"hypothesis seed {seed}")

    @hypothesis.seed(seed)
    @hypothesis.settings(max_examples=TABLES, database=None)
    @given(_routes, _classes, st.tuples(*[_limits] * len(APPLICATIONS)), st.integers(0, 2**32 - 1))
    def agree(
        routes: list[dict[str, Any]],
        classes: list[dict[str, Any]],
        limits: tuple[dict[str, Any], ...],
        requests_seed: int,
    ) -> None:
        for number, row in enumerate(routes, start=1):
            row["number"] = number
        table = {"routes": routes, "classes": classes}
        world = World(table, dict(zip(APPLICATIONS, limits, strict=True)), random.Random(requests_seed))
        for _ in range(REQUESTS_PER_TABLE):
            world.disturb()
            seen.update(world.compare_one_request())

    agree()
    print(dict(seen))
    assert seen["requests"] >= CASES_MIN
    reached = {key.removeprefix("passed over: ") for key in seen if key.startswith("passed over: ")}
    assert reached == {"deadline", "weight", "drained", "breaker", "concurrency", "rate", "held"}
    assert {outcome.value for outcome in Outcome} - {Outcome.SUPERSEDED} <= seen.keys()  # no class is hedged
    assert {"queue", "nowhere", "answer", "attempts beyond the first"} <= seen.keys()


class World:
    """One table with its gates and, beside them, the specification's idea of their states."""

    def __init__(self, data: dict[str, Any], limits: dict[str, dict[str, Any]], rng: random.Random) -> None:
        self.data = data
        self.rng = rng
        self.table = parsed(_yaml(data, limits))
        self.states = {name: spec.application_state(**each) for name, each in limits.items()}
        self.gates = {name: Gate(application) for name, application in self.table.applications.items()}
        for gate in self.gates.values():
            gate.service, gate.ramp = Unknown(), Ramp(span_s=0.0)
        self.others: list[tuple[str, Pass]] = []  # calls of other traffic, still on their way
        self.clock = ManualClock(64.0)
        self.servers = Servers(self.clock)

    def disturb(self) -> None:
        """What happens between two requests: time, operators, other traffic."""
        rng = self.rng
        self.clock.time_s += rng.choices((0, 1, 3, 10, 40, 1000), (6, 3, 3, 3, 3, 1))[0] * GRAIN_S
        name = rng.choice(APPLICATIONS)
        gate, state, now = self.gates[name], self.states[name], self.clock.time_s
        match rng.randrange(6):
            case 0:
                gate.drained = state["drained"] = rng.random() < 0.15
            case 1 | 2 if gate.bar(now) is None:
                taken = gate.enter(now, 0.0)
                assert spec.begin_call(state, now) == taken.probe
                self.others.append((name, taken))
            case 3 | 4 | 5 if self.others:
                name, taken = self.others.pop(rng.randrange(len(self.others)))
                self.gates[name].abandon(taken, now)
                spec.forget_call(self.states[name], taken.probe)

    def compare_one_request(self) -> list[str]:
        """Route one request both ways; what was seen, for the count."""
        rng = self.rng
        labels = rng.sample(LABELS, rng.choice((0, 1, 1, 1, 2, 3)))
        if rng.random() < 0.1:
            labels.append("unheard-of")
        script = {name: self._ending() for name in APPLICATIONS}
        draws = [_draw(rng) for _ in range(5)]
        caller_s = None if rng.random() < 0.5 else rng.randrange(12) * GRAIN_S + rng.choice(SLIVERS_S)
        arrived_s = self.clock.time_s
        found = self._route(tuple(labels), script, draws, caller_s)
        expected = spec.route(self.data, labels, self.states, script, draws, arrived_s, caller_s)
        assert found == expected
        self._compare_states()
        seen = ["requests", "answer" if isinstance(found["end"], tuple) else found["end"]]
        seen += ["attempts beyond the first"] * (len(found["attempts"]) - 1)
        seen += [outcome for _, _, outcome, _ in found["attempts"]]
        return seen + [f"passed over: {reason}" for _, reason in found["passed_over"]]

    def _route(
        self,
        labels: tuple[str, ...],
        script: dict[str, tuple[int | str, float, float | None]],
        draws: list[float],
        caller_s: float | None,
    ) -> dict[str, Any]:
        plan = self.table.plan(labels, drained=False)
        ended: list[Answer | None] = []
        request = Request(
            id="r", method=b"POST", target=b"/", arrived_s=self.clock.time_s, deadline_s=caller_s
        )
        ground = Ground(
            clock=self.clock,
            timers=self.servers,
            rng=Draws(lambda: draws[len(chain.attempts)]),
            gates=self.gates,
            clusters={"http": self.servers},
        )
        chain = Chain(
            request,
            plan.tiers,
            deadline_of(request, plan.qos),
            ground,
            None,
            FALLS_THROUGH,
            ended.append,
            _raise,
        )
        if plan.tiers:
            chain.advance()
            self.servers.play(script)
            (answer,) = ended
            end: Any = "queue" if answer is None else ("answer", answer.status)
        else:
            end = "nowhere"
        return {
            "class": plan.qos.name,
            "tiers": [(tier.priority, [row.number for row in tier.rows]) for tier in plan.tiers],
            "attempts": [
                (each.application, each.tier, each.outcome.value, each.elapsed_s) for each in chain.attempts
            ],
            "passed_over": [(name, bar.value) for name, bar in chain.passed_over],
            "end": end,
            "ended_at": self.clock.time_s,
        }

    def _ending(self) -> tuple[int | str, float, float | None]:
        rng = self.rng
        hold_s = rng.choices((None, 1.0, 40.0), (70, 28, 2))[0]
        return rng.choice(ENDINGS), rng.choice((0, 0, 1, 1, 2, 5, 20)) * GRAIN_S, hold_s

    def _compare_states(self) -> None:
        now = self.clock.time_s
        for name, gate in self.gates.items():
            state = self.states[name]
            bar = gate.bar(now)
            anywhere = {"weight": 1}
            assert (None if bar is None else bar.value) == spec.why_not(anywhere, state, now, float("inf")), (
                name
            )
            assert gate.permits.in_flight == state["in_flight"], name


class Servers:
    """All model servers at once: `ports.Cluster` and `ports.Timers` for one call at a time, by the script."""

    late = False

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self._fire: Callable[[], None] | None = None
        self._call: tuple[str, float, Callable[[Answer | Failure], None]] | None = None

    def after(self, delay_s: float, fire: Callable[[], None]) -> "Servers":
        assert self._fire is None, "one attempt, one timer"
        self._delay_s = delay_s
        self._fire = fire
        return self

    def call(
        self,
        target: Target,
        request: Request,
        budget_s: float,
        done: Callable[[Answer | Failure], None],
        rank: int = -1,
    ) -> "Called":
        assert budget_s == self._delay_s
        self._call = (target.url.removeprefix("http://of-").split(":")[0], budget_s, done)
        return Called(self)

    def cancel(self) -> None:
        self._fire = None

    def forget(self) -> None:
        self._call = None

    def play(self, script: dict[str, tuple[int | str, float, float | None]]) -> None:
        """Let every call end as the script has it, until no call is left."""
        while self._call is not None:
            application, budget_s, done = self._call
            what, after_s, hold_s = script[application]
            if after_s >= budget_s:
                assert self._fire is not None
                self._clock.time_s += budget_s
                fire, self._fire = self._fire, None
                fire()
            else:
                self._clock.time_s += after_s
                self._call = None
                done(_result(what, hold_s))
        assert self._fire is None, "a timer was left behind"


class Called:
    """`ports.Call`."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers

    def cancel(self) -> None:
        self._servers.forget()

    def abandon(self, ended: Callable[[bool], None]) -> None:
        self._servers.forget()
        ended(False)


class Unknown(ServiceTime):
    """Service times that are never known: what is decided by them is not in the specification."""

    def learn(self, elapsed_s: float, now: float) -> None:
        """Nothing."""


class Draws:
    """`ports.Rng`: the n-th attempt is drawn with the n-th number, as the specification has it."""

    def __init__(self, draw: Callable[[], float]) -> None:
        self._draw = draw

    def random(self) -> float:
        return self._draw()

    def getrandbits(self, k: int, /) -> int:
        raise AssertionError("routing draws no bits")


def _result(what: int | str, hold_s: float | None) -> Answer | Failure:
    if isinstance(what, str):
        return Failure(outcome=Outcome(what), cause=what)
    headers = () if hold_s is None else ((b"Retry-After", b"%d" % hold_s),)
    return Answer(status=what, headers=headers)


def _draw(rng: random.Random) -> float:
    """Uniform on a grid coarse enough to be exact, or one of the ends."""
    return rng.choice((0.0, 1 - 2**-53, rng.getrandbits(4) / 2**4, rng.getrandbits(20) / 2**20))


def _yaml(data: dict[str, Any], limits: dict[str, dict[str, Any]]) -> str:
    """The table as a user would write it; JSON is YAML."""
    applications = {}
    for name, each in limits.items():
        applications[name] = {
            "endpoints": f"http://of-{name}:1",
            "breaker": {
                "consecutive": each["consecutive"],
                "calls": 1_000_000,  # the ratio's turn never comes: it has tests of its own
                "rest": each["rest_s"] * 1000,
                "restMax": each["rest_max_s"] * 1000,
            },
        }
        if each["concurrency"] is not None:
            applications[name]["concurrency"] = each["concurrency"]
        if each["rate"] is not None:
            applications[name] |= {"rate": each["rate"], "burst": each["burst"]}
    routes = [
        {
            "application": row["application"],
            "timeout": row["timeout_s"] * 1000,
            "weight": row["weight"],
            "priority": row["priority"],
            "clusterType": "http",
            "label": ",".join(row["label"]),
        }
        for row in data["routes"]
    ]
    classes = [
        {"name": each["name"], "label": each["label"]}
        | ({} if each["deadline_s"] is None else {"deadline": each["deadline_s"] * 1000})
        for each in data["classes"]
    ]
    table = {"version": 1, "classes": classes, "applications": applications, "routes": routes}
    return json.dumps(table)


def _raise(error: Exception) -> None:
    raise error
