"""How far two processes of the proxy serve twice as much as one: on one core in all, and on two.

`python -m sim.bench.processes [SECONDS]` needs nginx and wrk. Generators, proxy and model servers share what
cores they are given, so that on a small machine nobody has a core that others lack. Setups take turns:

- `one`: a proxy of one process, a wrk, and the model servers, all on one core;
- `two processes`: a proxy of two, two wrks, and the model servers, on two cores, where the system puts them;
- `proxy pinned`: the same with `--pin`: each process of the proxy has a core of its own;
- `all pinned`: so have each wrk and each model server;
- `two proxies`: `one` twice at the same time, a core each, nothing shared. It shows what the machine gives:
  two cores share caches and memory, and those of a hypervisor may share much more.

Every wrk has as many connections, and every proxy the same table, with limits of concurrency and rate, so
that two processes pay for sharing them. Rounds take the cores in turn, for they may not be equal. Printed are
medians of the ratio within each round, with the least and the greatest, and what a ratio below 2 comes from:
`unused`, the share of the cores that none of ours used (others did, or nobody), and the processor time of a
request, in the proxy and in all of ours.
"""

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec

from sim.bench.peers.payload import small_requests
from sim.bench.peers.penstock import ROWS_FEW, table
from sim.bench.peers.server import Server, free_ports
from sim.bench.peers.upstream import Upstreams, start_upstreams
from sim.bench.peers.wrk import Told, run_wrk

ROUNDS = 5
SECONDS = 5
CONNECTIONS = 32
"""Of each wrk."""

UPSTREAMS = 2
"""Processes of model servers in each setup: one of them would be a limit for two processes."""


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """What runs at the same time, each part on its own cores with a generator per process."""

    name: str
    parts: tuple[tuple[frozenset[int], int], ...]  # cores, processes of the proxy
    proxy_pinned: bool = False
    all_pinned: bool = False

    @property
    def cores(self) -> frozenset[int]:
        """All that are used."""
        return frozenset().union(*(cores for cores, _ in self.parts))


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What one part told."""

    good: int
    span_s: float
    trouble: str
    proxy_s: tuple[float, ...]  # of processor, by process: the only one, or the supervisor and its children
    upstream_s: float


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Of one setup in one round."""

    per_s: float
    proxy_us: float  # of processor, a request
    all_us: float
    unused: float  # share of the cores
    uneven: float  # what the busiest process of the proxy used over what the least busy did
    supervisor: float  # its share of what the proxy used
    trouble: str


def setups(cores: Sequence[int]) -> tuple[Setup, ...]:
    """On the first two of these; what needs one has the first."""
    first, second = (frozenset((core,)) for core in cores[:2])
    return (
        Setup(name="one", parts=((first, 1),)),
        Setup(name="two processes", parts=((first | second, 2),)),
        Setup(name="proxy pinned", parts=((first | second, 2),), proxy_pinned=True),
        Setup(name="all pinned", parts=((first | second, 2),), proxy_pinned=True, all_pinned=True),
        Setup(name="two proxies", parts=((first, 1), (second, 1))),
    )


def run(setup: Setup, nginx: str, seconds: int) -> Figures:
    """All parts at once; the clocks start when all are ready."""
    ready = threading.Barrier(len(setup.parts) + 1)
    done = threading.Barrier(len(setup.parts) + 1)
    with ThreadPoolExecutor(len(setup.parts)) as pool:
        futures = [
            pool.submit(_part, cores, processes, setup, nginx, seconds, (ready, done))
            for cores, processes in setup.parts
        ]
        ready.wait()
        began_s, generators_s = time.monotonic(), _ended_s()
        done.wait()
        span_s = time.monotonic() - began_s
        generators_s = _ended_s() - generators_s
        return figures_of([future.result() for future in futures], generators_s, span_s * len(setup.cores))


def _ended_s() -> float:
    """Processor seconds of what was started and has ended: within a load, the generators."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def figures_of(parts: Sequence[Part], generators_s: float, cores_s: float) -> Figures:
    """Of what all parts told; `cores_s` is the time that the cores had."""
    good = sum(part.good for part in parts)
    proxy_s = sum(sum(part.proxy_s) for part in parts)
    all_s = proxy_s + generators_s + sum(part.upstream_s for part in parts)
    (first, *children) = parts[0].proxy_s
    serving = children or [sum(part.proxy_s) for part in parts]
    return Figures(
        per_s=sum(part.good / part.span_s for part in parts),
        proxy_us=proxy_s / good * 1e6,
        all_us=all_s / good * 1e6,
        unused=1 - all_s / cores_s,
        uneven=max(serving) / max(min(serving), 0.01),
        supervisor=first / proxy_s if children else 0.0,
        trouble="; ".join(part.trouble for part in parts if part.trouble),
    )


def _part(
    cores: frozenset[int],
    processes: int,
    setup: Setup,
    nginx: str,
    seconds: int,
    steps: tuple[threading.Barrier, ...],
) -> Part:
    os.sched_setaffinity(0, cores)  # of this thread: all that it starts stays there
    ready, done = steps
    try:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            upstreams = _upstreams(stack, nginx, cores, folder)
            ports = [each for _, each in upstreams]
            pid, port = stack.enter_context(_serving(processes, ports, folder, pin=setup.proxy_pinned))
            family = [pid, *_children(pid)]
            if setup.all_pinned:
                _pin([server.pid for server, _ in upstreams], cores)
            _load(port, 1, 1, folder, pinned=False)  # connections to the model servers are made
            before = [_spent_s(each) for each in family]
            upstream_s = sum(server.cpu_s() for server, _ in upstreams)
            ready.wait()
            told = _load(port, processes, seconds, folder, pinned=setup.all_pinned)
            done.wait()
            proxy_s = [_spent_s(each) - start for each, start in zip(family, before, strict=True)]
            upstream_s = sum(server.cpu_s() for server, _ in upstreams) - upstream_s
    except BaseException:
        ready.abort()
        done.abort()
        raise
    return Part(
        good=sum(each.good for each in told),
        span_s=max(each.duration_us for each in told) / 1e6,
        trouble="; ".join(each.trouble for each in told if each.trouble),
        proxy_s=tuple(proxy_s),
        upstream_s=upstream_s,
    )


def _upstreams(
    stack: ExitStack, nginx: str, cores: frozenset[int], folder: Path
) -> list[tuple[Server, Upstreams]]:
    found = []
    for number in range(UPSTREAMS):
        home = folder / f"upstream-{number}"
        home.mkdir()
        server, ports = start_upstreams(nginx, min(cores), home)
        stack.callback(server.stop)
        os.sched_setaffinity(server.pid, cores)
        found.append((server, ports))
    return found


def _pin(pids: Sequence[int], cores: frozenset[int]) -> None:
    for pid, core in zip(pids, sorted(cores), strict=True):
        os.sched_setaffinity(pid, {core})


@contextmanager
def _serving(
    processes: int, upstreams: list[Upstreams], folder: Path, *, pin: bool
) -> Iterator[tuple[int, int]]:
    """A proxy of so many processes; its process id and its port."""
    file = folder / "table.yaml"
    file.write_bytes(msgspec.json.encode(_table(upstreams)))
    port, admin = free_ports(2)
    addresses = ("--listen", f"127.0.0.1:{port}", "--admin", f"127.0.0.1:{admin}")
    more = ("--queue", "memory://", "--log-level", "error", "--processes", str(processes))
    pinned = ("--pin",) if pin else ()
    proxy = subprocess.Popen(
        [sys.executable, "-m", "proxy.cli", "serve", str(file), *addresses, *more, *pinned],
        stdout=subprocess.PIPE,
    )
    try:
        assert proxy.stdout is not None
        line = proxy.stdout.readline()
        assert line.startswith(b"penstock ready"), line
        yield proxy.pid, port
    finally:
        proxy.terminate()
        proxy.wait()


def _table(upstreams: list[Upstreams]) -> object:
    """The table of the peers, each application at all upstreams."""
    tables = [msgspec.to_builtins(table(ports, ROWS_FEW)) for ports in upstreams]
    for name, application in tables[0]["applications"].items():
        application["endpoints"] = [each["applications"][name]["endpoints"][0] for each in tables]
    return tables[0]


def _load(port: int, generators: int, seconds: int, folder: Path, *, pinned: bool) -> list[Told]:
    """What so many wrks are told at the same time. A thread starts each: affinity is a thread's."""
    cores = sorted(os.sched_getaffinity(0))

    def generate(number: int) -> Told:
        os.sched_setaffinity(0, {cores[number]} if pinned else set(cores))
        home = folder / f"wrk-{number}"
        home.mkdir(exist_ok=True)
        url = f"http://127.0.0.1:{port}"
        return run_wrk(url, small_requests(), connections=CONNECTIONS, seconds=seconds, folder=home)

    with ThreadPoolExecutor(generators) as pool:
        return list(pool.map(generate, range(generators)))


def _children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _spent_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main(seconds: int) -> None:
    """Print each round, then the medians."""
    nginx = shutil.which("nginx", path=f"/usr/sbin:{os.environ['PATH']}")
    cores = sorted(os.sched_getaffinity(0))
    if nginx is None or shutil.which("wrk") is None or len(cores) < 2:
        sys.exit("needs two cores, nginx and wrk: apt-get install nginx-light wrk")
    found: dict[str, list[Figures]] = {setup.name: [] for setup in setups(cores)}
    for number in range(ROUNDS):
        kinds = setups(cores[:2] if number % 2 == 0 else cores[1::-1])
        for setup in kinds if number // 2 % 2 == 0 else reversed(kinds):
            figures = run(setup, nginx, seconds)
            found[setup.name].append(figures)
            print(f"round {number + 1}  {_line(setup.name, figures)}  {figures.trouble}", flush=True)
    print("\nmedians")
    for name, all_of_it in found.items():
        print(f"         {_line(name, _medians(all_of_it))}")
    for name in list(found)[1:]:
        ratios = [two.per_s / one.per_s for two, one in zip(found[name], found["one"], strict=True)]
        spread = f"from {min(ratios):.2f} to {max(ratios):.2f}"
        print(f"{name} : one = {statistics.median(ratios):.2f} ({spread})")


def _medians(figures: Sequence[Figures]) -> Figures:
    names = ("per_s", "proxy_us", "all_us", "unused", "uneven", "supervisor")
    medians = {name: statistics.median(getattr(each, name) for each in figures) for name in names}
    return Figures(**medians, trouble="")


def _line(name: str, figures: Figures) -> str:
    return (
        f"{name:<14} {figures.per_s:>8,.0f} per s, {figures.proxy_us:5.1f} us proxy,"
        f" {figures.all_us:5.1f} us all,"
        f" unused {figures.unused:4.0%}, uneven {figures.uneven:4.2f}, supervisor {figures.supervisor:4.1%}"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else SECONDS)
