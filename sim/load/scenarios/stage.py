"""Plays one scenario: stubs in this process, the proxy and the generator in theirs, faults by the clock."""

import asyncio
import gc
import random
import signal
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from pathlib import Path

from sim.calibrate.closedloop import ClosedLoop
from sim.calibrate.question import REQUESTS_MAX, Question
from sim.load.arrivals import AnyArrivals, Constant
from sim.load.crew import run
from sim.load.mix import encode_request
from sim.load.plan import Plan
from sim.load.result import Result, latency_of
from sim.load.scenarios.killing import Killing, read
from sim.load.scenarios.measures import Seen
from sim.load.scenarios.promises import Promises
from sim.load.scenarios.scenario import Fault, Pool, Reloads, Scenario, Watched
from sim.load.scenarios.twin import Hops
from sim.load.target import reached, read_target
from sim.story.children import Child, port_of
from sim.stubs.behaviours import Slots
from sim.stubs.director import draw_s
from sim.stubs.server import StubServer
from sim.stubs.timers import AlarmTimers

CALIBRATION = Constant(rate=25, seconds=4)
WATCH_S = 0.05
REJECTING = 2
BAD_TABLE = "version: 1\nroutes: nonsense\n"
ADMIN_S_MAX = 2.0
LEFT_S_MAX = 60.0
PENDING, BADLY = ("queued", "running"), ("dead", "expired", "cancelled")
"""Statuses of tickets that have not ended, and of those that ended without an answer."""

PROXY = ("-m", "proxy.cli", "serve")
PROXY_OPTIONS = (
    *("--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"),
    *("--drain-s", "2", "--log-level", "error"),
)


class Stage:
    """One scenario, played once. `say` gets the proxy's own words."""

    def __init__(self, scenario: Scenario, seed: int, say: Callable[[str], None]) -> None:
        self._scenario = scenario
        self._seed = seed
        self._say = say
        self._timers: AlarmTimers
        self._stubs: dict[str, StubServer] = {}
        self._table = Path()
        self._proxy: Child | None = None
        self._admin = ""
        self._breaker_s: float | None = None
        self._killing: Killing | None = None

    async def play(self) -> Seen:
        """Raises PenstockError, or DidNotStart, where it could not be played."""
        scenario = self._scenario
        gc.collect()
        gc.freeze()  # the stubs are in this process: a pause of theirs would be counted against the proxy
        with closing(AlarmTimers()) as timers:
            self._timers = timers
            return await self._play(scenario)

    async def _play(self, scenario: Scenario) -> Seen:
        direct, capacity = None, None
        if scenario.callers is not None:
            async with self._stub(scenario.pools[0]) as stub:
                capacity = await self._saturated(stub.url, scenario.callers)
        if scenario.compared:
            async with self._stub(scenario.pools[0]) as stub:
                direct = await run(self._plan(stub.url))
        async with self._set() as url:
            result = await self._run(url)
            reloads = await self._reloads()
            killing = await self._rest()
            stubs = self._stubs.items()
            peaks = {name: stub.inflight_peak for name, stub in stubs}
            calls = {name: stub.received for name, stub in stubs}
            work_peaks = {name: stub.work_peak for name, stub in stubs}
        return Seen(
            result=result,
            direct=direct,
            capacity=capacity,
            inflight_peaks=peaks,
            calls=calls,
            breaker_s=self._breaker_s,
            reloads=reloads,
            work_peaks=work_peaks,
            killing=killing,
        )

    async def calibrate(self) -> Hops:
        """What a request costs beside its service time, without and with the proxy, at a low load."""
        pool = self._scenario.pools[0]
        assert isinstance(pool.behaviour, Slots), "a pool of known service time"
        service_s = draw_s(pool.behaviour.delay, random.Random(0))
        gc.collect()
        gc.freeze()
        with closing(AlarmTimers()) as timers:
            self._timers = timers
            async with self._stub(pool) as stub:
                direct = await run(self._plan(stub.url, CALIBRATION))
            async with self._set() as url:
                proxied = await run(self._plan(url, CALIBRATION))
        server_s, all_s = (_median_s(result) - service_s for result in (direct, proxied))
        return Hops(server_s=max(0.0, server_s), edge_s=max(0.0, all_s - server_s))

    def _stub(self, pool: Pool) -> StubServer:
        return StubServer(pool.name, pool.behaviour, calls_kept=0, timers=self._timers)

    async def _saturated(self, url: str, callers: int) -> float:
        """Answers a second that so many callers get, each asking again as soon as it is answered."""
        target, (each, *_) = self._plan(url).target, self._scenario.classes
        question = Question(
            target=target,
            address=reached(target),
            request=encode_request(target, each),
            body=b"",
            headers={},
        )
        level = await ClosedLoop(question, callers, REQUESTS_MAX).run()
        return 1e3 * callers / level.mean_ms  # answers come in bunches: counting them would be coarse

    def plan(self) -> Plan:
        """What is sent when, wherever to."""
        return self._plan("http://127.0.0.1:9")

    def _plan(self, url: str, arrivals: AnyArrivals | None = None) -> Plan:
        scenario = self._scenario
        return Plan(
            target=read_target(f"{url}/v2/models/{scenario.model}/infer"),
            arrivals=arrivals or scenario.arrivals,
            classes=scenario.classes,
            seed=self._seed,
        )

    @asynccontextmanager
    async def _set(self) -> AsyncIterator[str]:
        """Stubs and proxy; the proxy's URL."""
        async with AsyncExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="penstock-scenario-")))
            for pool in self._scenario.pools:
                self._stubs[pool.name] = await stack.enter_async_context(self._stub(pool))
            self._table = folder / "table.yaml"
            self._table.write_text(self._scenario.table)
            queue = ("--queue", f"sqlite:///{folder}/queue.db")
            options = (*queue, "--processes", str(self._scenario.processes))
            self._proxy = Child(
                "proxy", "penstock ready", [*PROXY, str(self._table), *options, *PROXY_OPTIONS], self._say
            )
            stack.push_async_callback(self._proxy.stop)
            line = await self._proxy.start({name.upper(): stub.url for name, stub in self._stubs.items()})
            self._admin = f"http://127.0.0.1:{port_of(line, 'admin=')}"
            url = f"http://127.0.0.1:{port_of(line, 'http=')}"
            self._killing = self._killer(url, self._proxy.pid)
            yield url

    def _killer(self, url: str, pid: int) -> Killing | None:
        scenario = self._scenario
        if scenario.kills is None:
            return None
        self._promises = Promises(url, scenario.model, scenario.kills.label)
        return Killing(scenario.kills, self._promises, pid, self._page, random.Random(self._seed))

    async def _run(self, url: str) -> Result:
        """The load, and beside it whatever happens by the clock."""
        began: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        beside = [asyncio.create_task(self._after(began, each)) for each in self._happenings()]
        try:
            return await run(self._plan(url), began=began.set_result)
        finally:
            for task in beside:
                task.cancel()
            for task in beside:
                with suppress(asyncio.CancelledError):
                    await task

    def _happenings(self) -> list[Callable[[float], Coroutine[None, None, None]]]:
        """What runs beside the load; each is told the start."""
        scenario = self._scenario
        found: list[Callable[[float], Coroutine[None, None, None]]] = []
        if scenario.faults:
            found.append(lambda began_s: self._fail(scenario.faults, began_s))
        if (reloads := scenario.reloads) is not None:
            found.append(lambda began_s: self._reload(reloads, began_s))
        if self._killing is not None:
            found.append(self._killing.run)
        if (watched := scenario.watched) is not None:
            found.append(lambda began_s: self._watch(watched, began_s))
        return found

    async def _after(
        self, began: "asyncio.Future[float]", happening: Callable[[float], Coroutine[None, None, None]]
    ) -> None:
        await happening(await asyncio.shield(began))

    async def _fail(self, faults: tuple[Fault, ...], began_s: float) -> None:
        for fault in faults:
            await _until(began_s + fault.at_s)
            self._stubs[fault.pool].behave(fault.behaviour)

    async def _reload(self, reloads: Reloads, began_s: float) -> None:
        tables = [self._scenario.table, reloads.other]
        turn = 0
        while True:
            turn += 1
            await _until(began_s + turn * reloads.every_s)
            bad = turn % (reloads.good + 1) == 0
            written = self._table.with_suffix(".new")
            written.write_text(BAD_TABLE if bad else tables[turn % len(tables)])
            written.replace(self._table)
            if self._proxy is not None:
                self._proxy.signal(signal.SIGHUP)

    async def _watch(self, watched: Watched, began_s: float) -> None:
        line = f'penstock_breaker_state{{application="{watched.application}"}} '
        await _until(began_s + watched.since_s)
        while self._breaker_s is None:
            page = await self._page()
            state = next((each for each in page.splitlines() if each.startswith(line)), "")
            if state and float(state.removeprefix(line)) == REJECTING:
                self._breaker_s = time.monotonic() - began_s - watched.since_s
            await asyncio.sleep(WATCH_S)

    async def _page(self) -> str:
        return await asyncio.to_thread(_get, f"{self._admin}/metrics")

    async def _rest(self) -> dict[str, float]:
        """What the kills came to, once all that was promised has been looked for."""
        if self._killing is None:
            return {}
        await self._killing.rest()
        killing, promises = self._killing, self._promises
        back = {} if killing.back_s is None else {"kills.back_s": killing.back_s}
        return {
            **back,
            "kills.done": killing.killed,
            "kills.met": killing.met,
            "kills.held_peak": killing.held_peak,
            "kills.departed_peak": killing.departed_peak,
            "tickets.promised": promises.promised,
            "tickets.lost": promises.lost,
            "tickets.wrong": promises.wrong,
            "tickets.left": await self._left(),
        }

    async def _left(self) -> int:
        """Tickets that the queue has not ended well, of the load's too; waits for those on their way."""
        ends_s = time.monotonic() + LEFT_S_MAX
        while True:
            page = await self._page()
            left = sum(read(page, f'penstock_queue_depth{{status="{each}"}}') for each in PENDING + BADLY)
            if left == 0 or time.monotonic() > ends_s:
                return left
            await asyncio.sleep(WATCH_S)

    async def _reloads(self) -> dict[str, int]:
        """How many by result, as the proxy counts them."""
        start = 'penstock_table_reloads_total{result="'
        page = await self._page()
        pairs = (
            each.removeprefix(start).split('"} ') for each in page.splitlines() if each.startswith(start)
        )
        return {result: int(float(count)) for result, count in pairs}


def _median_s(result: Result) -> float:
    return latency_of([each.latency.hdr for each in result.classes.values()]).p50_ms / 1e3


async def _until(at_s: float) -> None:
    await asyncio.sleep(max(0.0, at_s - time.monotonic()))


def _get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=ADMIN_S_MAX) as answer:  # noqa: S310 - of our own proxy
        text: str = answer.read().decode()
        return text
