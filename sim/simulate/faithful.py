"""How near the simulation comes to a live night: one plan, live and in virtual time, with all signed errors.

`python -m sim.simulate.faithful [--seed 1] [--out FOLDER]`: stubs of known slots and service times, the proxy
and the generator in processes of their own, a plan below 80% of the load, with a spike of three times what
there is, and below again. The hops of the simulated fleet are measured at low load, before and after. Exit 0:
every error is allowed; 99: one was too large; 98: the live run is invalid, which says nothing (the machine
was not quiet).
"""

import argparse
import asyncio
import gc
import os
import resource
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path

import uvloop
from rich.console import Console

from sim.bench.peers.core import worked_s
from sim.fleet.fleet import Fleet, Pool, ServiceTime
from sim.load.arrivals import Constant
from sim.load.mix import RequestClass
from sim.load.scenarios.scenario import Pool as StubPool
from sim.load.scenarios.scenario import Scenario
from sim.load.scenarios.stage import PROXY, PROXY_OPTIONS, Stage
from sim.load.scenarios.twin import Hops
from sim.replay.display import print_likeness
from sim.replay.errand import load_plan
from sim.replay.files import RESULT, read_outcome, write_report
from sim.replay.outcome import INVALID, MET, MISSED, Outcome
from sim.simulate.errand import simulate
from sim.simulate.ground import Ground
from sim.story.children import Child, port_of
from sim.stubs.behaviours import Lognormal, Slots
from sim.stubs.server import StubServer
from sim.stubs.timers import AlarmTimers
from sim.world.noise import Shape, quantiles

OTHERS_MAX = 0.10
"""Of the processors' time: it slows the proxy and the stubs, and the simulation knows nothing of it."""

SIGMA = 0.25
GPU_SLOTS, GPU_S = 16, 0.040
CPU_SLOTS, CPU_S = 8, 0.080
CAPACITY = GPU_SLOTS / GPU_S + CPU_SLOTS / CPU_S
"""Requests per second of both pools; times are means."""

TABLE = f"""\
version: 1
labelers:
  - {{use: json-field, path: parameters.label}}
classes:
  - {{name: bottom-line, label: [1, 44], deadline: 300}}
  - {{name: experience, label: [7, 1125], deadline: 2000}}
applications:
  1: {{endpoints: ["${{GPU}}"], concurrency: {GPU_SLOTS}}}
  2: {{endpoints: ["${{CPU}}"], concurrency: {CPU_SLOTS}}}
routes:
  - {{application: 1, timeout: 250, weight: 1, priority: 0, clusterType: http, label: [1, 44, 7, 1125]}}
  - {{application: 2, timeout: 400, weight: 1, priority: 1, clusterType: http, label: [1, 44, 7, 1125]}}
"""
PLAN = f"""\
version: 1
name: faithful
says: Below 80% of the load, a spike of three times what there is, and below again
target: http://127.0.0.1:8080/v2/models/m/infer
stages:
  - {{name: quiet, shape: {{kind: constant, rate: {0.3 * CAPACITY:g}, seconds: 20}}}}
  - {{name: busy, shape: {{kind: constant, rate: {0.6 * CAPACITY:g}, seconds: 60}}}}
  - {{name: spike, shape: {{kind: constant, rate: {3 * CAPACITY:g}, seconds: 8}}}}
  - {{name: after, shape: {{kind: constant, rate: {0.3 * CAPACITY:g}, seconds: 20}}}}
classes:
  - {{name: bottom-line, weight: 25, deadline: 300, label: [1, 44]}}
  - {{name: experience, weight: 75, deadline: 2000, label: [7, 1125]}}
"""


def main(arguments: Sequence[str]) -> int:
    """Live, simulated, and the errors."""
    parser = argparse.ArgumentParser(prog="python -m sim.simulate.faithful", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of the first run")
    parser.add_argument("--seeds", type=int, default=1, help="runs, one after another")
    parser.add_argument("--out", type=Path, default=Path(".run/faithful"), help="for plans and reports")
    options = parser.parse_args(arguments)
    seeds = range(options.seed, options.seed + options.seeds)
    return max(_run(seed, options.out / str(seed)) for seed in seeds)


def _run(seed: int, out: Path) -> int:
    out.mkdir(parents=True, exist_ok=True)
    path = out / "plan.yaml"
    path.write_text(f"{PLAN}seed: {seed}\n")
    live, hops, others = uvloop.run(_live(path, out))
    plan = load_plan(path)
    virtual, sight = simulate(plan, Ground(table=TABLE, fleet=fleet_of(hops)))
    write_report(out / "simulated", plan, virtual, sight, requests=False)
    return told(Console(width=120), live, virtual, hops, others)


def fleet_of(hops: Hops) -> Fleet:
    """The stubs as a fleet; a stub works on when its caller has gone."""

    def pool(application: str, name: str, slots: int, mean_s: float) -> Pool:
        service = ServiceTime(base_s=mean_s, spread=Shape.LOGNORMAL, sigma=SIGMA)
        return Pool(
            application=application, name=name, machines=1, slots=slots, service=service,
            network_s=hops.server_s, works_on=True,
        )  # fmt: skip

    pools = (pool("1", "gpu", GPU_SLOTS, GPU_S), pool("2", "cpu", CPU_SLOTS, CPU_S))
    return Fleet(name="stubs", pools=pools, edge_s=hops.edge_s)


def told(console: Console, live: Outcome, virtual: Outcome, hops: Hops, others: float) -> int:
    """Print all rows, misses marked; the exit status. `others`: their share of the processors meanwhile."""
    console.print(
        f"hops at low load: {1e3 * hops.server_s:.2f} ms to the server and back,"
        f" {1e3 * hops.edge_s:.2f} ms between caller and proxy and inside it",
        highlight=False,
    )
    rows = print_likeness(console, live, virtual)
    said = f"other programs had {others:.0%} of the processors meanwhile"
    console.print(said, highlight=False)
    busy = [f"{said}; {OTHERS_MAX:.0%} are allowed"] if others > OTHERS_MAX else []
    for complaint in [*live.invalid, *busy]:
        console.print(f"INVALID: {complaint}", style="red", highlight=False)
    if live.exit_code == INVALID or busy:
        return INVALID
    return MISSED if any(each.within is False for each in rows) else MET


class Others:
    """What else the machine did from when it is made on; the run's own processes have ended by `share`."""

    def __init__(self) -> None:
        self._cores = sorted(os.sched_getaffinity(0))
        self._began_s, self._worked_s, self._own_s = time.monotonic(), self._all_s(), own_s()

    def share(self) -> float:
        """Of all processors' time."""
        span_s = (time.monotonic() - self._began_s) * len(self._cores)
        return max(0.0, self._all_s() - self._worked_s - (own_s() - self._own_s)) / span_s

    def _all_s(self) -> float:
        return sum(worked_s(core) for core in self._cores)


def own_s() -> float:
    """Processor seconds of this process and of those of its children that have ended."""
    uses = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(use.ru_utime + use.ru_stime for use in uses)


async def _live(path: Path, out: Path) -> tuple[Outcome, Hops, float]:
    """Played by the command itself; the lesser hops of before and after, for other work only ever adds."""
    before = await _hops()
    others = Others()
    async with _proxy(out) as url:
        target = ("--target", f"{url}/v2/models/m/infer")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "proxy.cli", "replay", str(path), *target, "--out", str(out / "live"))
        )
        await process.wait()
    share = others.share()
    after = await _hops()
    return read_outcome(out / "live" / RESULT), before.lesser(after), share


async def _hops() -> Hops:
    pool = StubPool(name="gpu", behaviour=Slots(slots=GPU_SLOTS, delay=GPU_S))
    routes = TABLE.replace('  2: {endpoints: ["${CPU}"]', '  2: {endpoints: ["${GPU}"]')
    scenario = Scenario(
        name="hops", about="", pools=(pool,), table=routes, arrivals=Constant(rate=25, seconds=4),
        classes=(RequestClass(name="bottom-line", label="1", deadline_ms=300),), lines=(), capacity=CAPACITY,
    )  # fmt: skip
    return await Stage(scenario, 1, lambda _: None).calibrate()


@asynccontextmanager
async def _proxy(out: Path) -> AsyncIterator[str]:
    """Stubs here, the proxy in a process of its own; its URL."""
    gc.collect()
    gc.freeze()
    async with AsyncExitStack() as stack:
        timers = stack.enter_context(closing(AlarmTimers()))
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="penstock-faithful-"))
        stubs = {}
        for name, slots, mean_s in (("GPU", GPU_SLOTS, GPU_S), ("CPU", CPU_SLOTS, CPU_S)):
            delay = Lognormal(median_s=mean_s * _median(), sigma=SIGMA)
            behaviour = Slots(slots=slots, delay=delay)
            stub = StubServer(name, behaviour, calls_kept=0, timers=timers)
            stubs[name] = await stack.enter_async_context(stub)
        (out / "table.yaml").write_text(TABLE)
        arguments = [
            *PROXY,
            str(out / "table.yaml"),
            "--queue",
            f"sqlite:///{folder}/queue.db",
            *PROXY_OPTIONS,
        ]
        proxy = Child("proxy", "penstock ready", arguments, lambda _: None)
        stack.push_async_callback(proxy.stop)
        line = await proxy.start({name: stub.url for name, stub in stubs.items()})
        yield f"http://127.0.0.1:{port_of(line, 'http=')}"


def _median() -> float:
    """Of a lognormal of mean 1."""
    draws = quantiles(Shape.LOGNORMAL, SIGMA)
    return draws[len(draws) // 2]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
