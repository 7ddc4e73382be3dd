"""The supervisor before any child is started: what it would tell one, and what it refuses."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from proxy.clock import LiveClock
from proxy.family import slots
from proxy.family.keeper import Keeper
from proxy.family.ledger import Ledger
from proxy.family.messages import EndRecording, Record, Told
from proxy.family.supervisor import DEPARTED_S, Supervisor
from proxy.loading import Loaded, Loader
from proxy.messages import Answer, Attempt, Outcome, Reply, Verdict
from proxy.observe.page import ApplicationState
from proxy.offline.memory import MemoryQueue
from proxy.options import ServeOptions
from proxy.recording.order import Wish
from proxy.reload import Reload
from proxy.routing.sight import Sight
from proxy.routing.table import Application
from proxy.watchdog import NoWatchdog
from tests.stand_ins.log import RecordingLog

ROUTE = "{{application: {name}, timeout: 9, weight: 1, priority: 0, clusterType: http, label: 1}}"


def table(*names: str) -> str:
    applications = ", ".join(f'{name}: {{endpoints: "http://{name}:1"}}' for name in names)
    routes = ", ".join(ROUTE.format(name=name) for name in names)
    return f"version: 1\napplications: {{{applications}}}\nroutes: [{routes}]\n"


class Bench:
    """A supervisor over a table file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.write_text(table("a", "b"))
        clock, self.log = LiveClock(), RecordingLog()
        loader = Loader(environ={}, clock=clock, log=self.log, watchdog=NoWatchdog())
        loaded = loader.load(path, path.read_bytes())
        assert isinstance(loaded, Loaded)
        self.supervisor = Supervisor(
            options=ServeOptions(table=path, queue="memory://", processes=2, seed=1),
            loader=loader,
            loaded=loaded,
            queue=MemoryQueue(clock=clock),
            log=self.log,
            clock=clock,
            rng=random.Random(1),
        )

    async def reload(self, *names: str) -> Reload:
        self.path.write_text(table(*names))
        return await self.supervisor.reloader.reload("test")


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    bench = Bench(tmp_path / "table.yaml")
    yield bench
    assert await bench.supervisor.stop() == 0


async def test_a_child_is_told_the_table_its_generation_its_slots_and_who_is_drained(bench: Bench) -> None:
    """All that makes it route as the others do."""
    await bench.supervisor.set_drained("b", True)
    first = bench.supervisor.edition()
    assert first.source == table("a", "b").encode()
    assert (first.generation, first.slots, first.drained) == (1, {"a": 1, "b": 2}, ("b",))
    assert await bench.reload("b", "c") is Reload.ACCEPTED
    second = bench.supervisor.edition()
    assert (second.generation, second.slots, second.drained) == (2, {"b": 2, "c": 3}, ("b",))
    bench.supervisor.built()
    assert await bench.reload("b", "d") is Reload.ACCEPTED
    assert bench.supervisor.edition().slots == {"b": 2, "d": 4}  # a may come back soon


async def test_a_table_for_which_there_are_no_slots_left_is_refused(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An application without a slot would have no limits."""
    monkeypatch.setattr(slots, "SLOTS_MAX", 4)
    assert await bench.reload("a", "b", "c") is Reload.ACCEPTED
    assert await bench.reload("a", "b", "c", "d") is Reload.REFUSED
    assert "applications are in use" in bench.supervisor.reloader.last_problems
    assert bench.supervisor.edition().generation == 2


async def test_counts_of_a_process_that_is_gone_stay_in_the_sum(bench: Bench) -> None:
    """With the supervisor's own, which come from the queue's tickets."""
    supervisor = bench.supervisor
    ok = Attempt(application="a", tier=0, outcome=Outcome.OK, elapsed_s=0.01)
    other = Attempt(application="gone", tier=0, outcome=Outcome.OK, elapsed_s=0.01)
    reply = Reply(
        verdict=Verdict.SERVED, answer=Answer(status=200), class_name="c", tier=0, attempts=(ok, other)
    )
    supervisor.meters.settle(reply, 0.02)
    supervisor.ended(1, supervisor.counts())
    supervisor.ended(2, None)
    counted = await supervisor.take()
    assert counted.meters.requests == {("c", "0", "served"): 2}
    assert counted.processes == {"serving": 0, "starting": 2, "silent": 0}
    assert supervisor.served("a") == 1
    assert supervisor.served("gone") == 0


async def test_the_page_shows_the_worst_of_all_processes_and_what_the_departed_hold(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lowest ceiling, the worst breaker; and where permits are that nobody alive has."""
    supervisor = bench.supervisor
    told = Told(
        serial=1,
        counts=supervisor.counts(),
        breakers={"a": 2},
        limits={"a": 3},
        sight=Sight(bars={"a": "breaker"}),
    )

    async def ask(self: Keeper, *, states: bool) -> Told:
        return told

    monkeypatch.setattr(Keeper, "ask", ask)
    ledger = Ledger(supervisor.memory, processes=2, column=1)
    lent = ledger.permits(1, Application(id="a", endpoints=("http://a:1",)))
    assert lent.take(0.0) is None
    supervisor.ended(1, None)
    counted = await supervisor.take()
    assert counted.applications["a"] == ApplicationState(
        in_flight=1, permits_limit=3, breaker=2, drained=False, departed=1
    )
    assert counted.sights == [told.sight] * 2


async def test_the_permits_of_the_departed_come_back_after_a_while(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of each life after its own time: one that ends later keeps nobody else's."""
    supervisor = bench.supervisor
    ledger = Ledger(supervisor.memory, processes=2, column=1)
    lent = ledger.permits(1, Application(id="a", endpoints=("http://a:1",)))
    waits: list[tuple[float, Callable[..., None], tuple[Any, ...]]] = []
    monkeypatch.setattr(
        asyncio.get_running_loop(), "call_later", lambda after, act, *given: waits.append((after, act, given))
    )
    for _ in range(2):
        assert lent.take(0.0) is None
        supervisor.ended(1, None)
    assert [after for after, _, _ in waits] == [DEPARTED_S] * 2
    for left, (_, act, given) in zip((1, 0), waits, strict=True):
        act(*given)
        assert ledger.departed(1) == ledger.in_flight(1) == left


class StandInKeeper:
    """A keeper whose child hears, or does not yet."""

    accepting = False

    def __init__(self, *, hears: bool) -> None:
        self.hears = hears
        self.sent: list[Any] = []

    def send(self, message: Any) -> None:
        self.sent.append(message)

    async def finish(self, drain_s: float) -> None:
        """There is no child."""


async def test_a_recording_reaches_a_child_that_starts_while_it_is_asked_for(bench: Bench) -> None:
    """One that has been told what to do is sent it, serving or not; the other is told when it starts."""
    supervisor = bench.supervisor
    keepers = [StandInKeeper(hears=True), StandInKeeper(hears=False)]
    supervisor._keepers, kept = keepers, supervisor._keepers  # type: ignore[assignment]
    supervisor._office.desk.begin(Wish())
    recording = supervisor._office.desk.recording
    assert recording is not None
    assert [[type(each) for each in keeper.sent] for keeper in keepers] == [[Record], []]
    assert recording._expected == {0, 1}
    assert supervisor._late_order(2) is not None
    assert recording._expected == {0, 1, 2}
    supervisor.forget_recording()
    assert [type(each) for keeper in keepers for each in keeper.sent[-1:]] == [EndRecording, EndRecording]
    assert supervisor._late_order(2) is None
    supervisor._keepers = kept
