"""One measurement: one peer that runs, in one case. What goes wrong is in the sample, never left out."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from sim.bench.peers.case import Case, Kind
from sim.bench.peers.core import Meter, Use, load_spent_s
from sim.bench.peers.idle import connection_bytes, connections_possible
from sim.bench.peers.openloop import Told as OpenTold
from sim.bench.peers.peer import Running
from sim.bench.peers.sample import Sample
from sim.bench.peers.server import Server
from sim.bench.peers.wrk import Told, WrkFailed, run_wrk

OVERTIME_S_MAX = 10.0
LAG_MS_MAX = 2.0
"""A generator whose p99 is later than this has not kept its schedule."""

OTHERS_MAX = 0.1
"""A share of a core. With more than this of other work on it, a peer shows less than it can."""


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What all measurements of a run have in common."""

    rate: float  # of the open loop
    peer_core: int
    load_core: int
    upstream: Server
    folder: Path


class Aim(msgspec.Struct, frozen=True, kw_only=True):
    """Where to shoot: a peer that runs, or (`running` None) the upstream itself."""

    name: str
    port: int
    tls_port: int = 0
    running: Running | None = None


def measure(aim: Aim, case: Case, when: tuple[int, int], seconds: int, load: Load) -> Sample:
    """The sample of a round's turn, `seconds` long. Never raises for what the peer does wrong."""
    blank = Sample(peer=aim.name, case=case.name, round=when[0], turn=when[1])
    try:
        return _KINDS[case.kind](aim, case, seconds, load, blank)
    except (WrkFailed, OSError, subprocess.SubprocessError, msgspec.DecodeError) as error:
        return msgspec.structs.replace(blank, errors=1, trouble=f"{type(error).__name__}: {error}")


def _saturated(aim: Aim, case: Case, seconds: int, load: Load, blank: Sample) -> Sample:
    watch = Watch(aim, load)
    url = f"https://127.0.0.1:{aim.tls_port}" if case.tls else f"http://127.0.0.1:{aim.port}"
    told: Told = run_wrk(
        url, case.requests(), connections=case.connections, seconds=seconds, folder=load.folder
    )
    sample = msgspec.structs.replace(
        blank,
        requests=told.good,
        errors=told.errors,
        trouble=told.trouble or ("" if told.good else "no answer at all"),
        per_s=told.good / (told.duration_us / 1e6),
        p50_ms=told.p50_us / 1e3,
        p99_ms=told.p99_us / 1e3,
        p999_ms=told.p999_us / 1e3,
    )
    return watch.complete(sample)


def _open(aim: Aim, case: Case, seconds: int, load: Load, blank: Sample) -> Sample:
    requests = case.requests()
    file = load.folder / "open.bin"
    file.write_bytes(b"".join(requests))
    numbers = (aim.port, file, len(requests[0]), load.rate, seconds)
    watch = Watch(aim, load)
    ended = subprocess.run(
        [sys.executable, "-m", "sim.bench.peers.openloop", *map(str, numbers)],
        stdout=subprocess.PIPE,
        check=True,
        timeout=seconds + OVERTIME_S_MAX,
    )
    told = msgspec.json.decode(ended.stdout, type=OpenTold)
    late = told.lag_p99_ms > LAG_MS_MAX
    sample = msgspec.structs.replace(
        blank,
        requests=told.requests,
        errors=told.errors,
        trouble=f"{told.errors:,} not answered with 2xx" if told.errors else "",
        doubt=f"the generator was {told.lag_p99_ms:.1f} ms late (p99)" if late else "",
        per_s=told.requests / told.span_s,
        p50_ms=told.p50_ms,
        p99_ms=told.p99_ms,
        p999_ms=told.p999_ms,
        lag_ms=told.lag_p99_ms,
    )
    return watch.complete(sample)


def _idle(aim: Aim, case: Case, _seconds: int, _load: Load, blank: Sample) -> Sample:
    assert aim.running is not None
    count = connections_possible(case.connections)
    each = connection_bytes(aim.port, aim.running.server, case.requests()[0], count)
    short = "" if count == case.connections else f"only {count:,} connections: the limit of open files"
    return msgspec.structs.replace(blank, requests=count, connection_bytes=each, doubt=short)


_KINDS: dict[Kind, Callable[[Aim, Case, int, Load, Sample], Sample]] = {
    Kind.SATURATED: _saturated,
    Kind.OPEN: _open,
    Kind.IDLE: _idle,
}


class Watch:
    """Both cores, from when it is made. With no peer only the core of the load is watched."""

    def __init__(self, aim: Aim, load: Load) -> None:
        running = aim.running
        self._load = Meter(load.load_core, lambda: load_spent_s(load.upstream))
        self._peer = None if running is None else Meter(load.peer_core, running.server.cpu_s)

    def complete(self, sample: Sample) -> Sample:
        """The sample with the use of the cores."""
        doubts = [sample.doubt, _shared(self._load.read(), "the core of the load")]
        if self._peer is not None:
            use = self._peer.read()
            doubts.append(_shared(use, "its core"))
            each_us = use.own_s / sample.requests * 1e6 if sample.requests else None
            sample = msgspec.structs.replace(sample, cpu_us=each_us, busy=use.busy, others=use.others)
        return msgspec.structs.replace(sample, doubt="; ".join(filter(None, doubts)))


def _shared(use: Use, core: str) -> str:
    return f"others had {use.others:.0%} of {core}" if use.others > OTHERS_MAX else ""
