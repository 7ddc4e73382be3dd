"""The run: a trial, then rounds; in a round all peers are started afresh, and measured by turns of a second.

All of them run at once, on one core; who has no turn has nothing to do. In each case the turns go round in an
order that a seed shuffles, so that what the machine does meanwhile meets all alike: two peers' turns that are
compared lie seconds apart, and those of a peer and its twin follow one another.
"""

import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec

from sim.bench.peers.case import CASES, SMALL, Case, Kind
from sim.bench.peers.machine import Machine
from sim.bench.peers.measure import Aim, Load, measure
from sim.bench.peers.order import in_turn
from sim.bench.peers.peer import Certificate, Peer, start
from sim.bench.peers.probe import ProbeFailed, probe
from sim.bench.peers.sample import Sample
from sim.bench.peers.server import DidNotStart, Server
from sim.bench.peers.upstream import Upstreams

TRIAL_TURNS = 3
SETTLE_S = 0.6
"""After the peers' start: what they do once in their lives is not measured here."""
OPEN_SHARE = 0.5
"""The open loop's rate, as a share of what the slowest peer does at most."""

VARIANT = "a variant, measured in other cases"

Say = Callable[[str], None]


class Entry(msgspec.Struct, frozen=True):
    """A peer that is on this machine, with its program."""

    peer: Peer
    program: str


class Ready(msgspec.Struct, frozen=True):
    """A peer that serves and has passed the probe."""

    peer: Peer
    aim: Aim


class Contest:
    """Runs the rounds. Samples are kept as they come; `failures` are the probes and starts that failed."""

    def __init__(
        self,
        *,
        entries: Sequence[Entry],
        cases: Sequence[Case],
        machine: Machine,
        upstream: Server,
        upstreams: Upstreams,
        certificate: Certificate | None,
        folder: Path,
        seed: int,
        say: Say,
    ) -> None:
        self._entries = list(entries)
        self._cases = cases
        self._machine = machine
        self._upstream = upstream
        self._upstreams = upstreams
        self._certificate = certificate
        self._folder = folder
        self._rng = random.Random(seed)
        self._say = say
        self.samples: list[Sample] = []
        self.failures: list[str] = []

    def trial(self) -> float | None:
        """Every peer in short turns; half of the slowest one's requests per second (None: nobody ran)."""
        (case,) = (case for case in CASES if case.name == SMALL)
        load = self._load(1.0)
        main = [entry for entry in self._entries if entry.peer.only is None]
        speeds: dict[str, list[float]] = {}
        with self._started(main, "the trial") as ready:
            for turn in range(1, TRIAL_TURNS + 1):
                for each in self._shuffled(ready):
                    per_s = measure(each.aim, case, (0, turn), 1, load).per_s
                    speeds.setdefault(each.peer.name, []).append(per_s or 0.0)
        medians = {name: statistics.median(found) for name, found in speeds.items()}
        self._say("trial: " + ", ".join(f"{name} {speed:,.0f}/s" for name, speed in medians.items()))
        return min(medians.values()) * OPEN_SHARE if medians else None

    def rounds(self, count: int, *, turns: int, seconds: int, rate: float) -> None:
        """Measure."""
        load = self._load(rate)
        for number in range(1, count + 1):
            began_s = time.monotonic()
            with self._started(self._entries, f"round {number}") as ready:
                for case in self._cases:
                    for turn in range(1, case.turns(turns) + 1):
                        self._go_round(ready, case, (number, turn), seconds, load)
            self._say(f"round {number} of {count}: {time.monotonic() - began_s:.0f} s")

    def _go_round(
        self, ready: Sequence[Ready], case: Case, when: tuple[int, int], seconds: int, load: Load
    ) -> None:
        """One turn of everybody who takes part in the case."""
        tls = self._certificate is not None
        of_case = [each for each in ready if takes_part(each.peer, case, tls=tls) is None]
        for each in self._shuffled(of_case):
            sample = measure(each.aim, case, when, seconds * case.stretch, load)
            self.samples.append(sample)
            if sample.trouble:
                self._say(f"  TROUBLE: {each.peer.name}, {case.name}: {sample.trouble}")

    def _shuffled(self, ready: Sequence[Ready]) -> list[Ready]:
        by_name = {each.peer.name: each for each in ready}
        twins = {name: each.peer.twin for name, each in by_name.items()}
        return [by_name[name] for name in in_turn(twins, self._rng)]

    @contextmanager
    def _started(self, entries: Sequence[Entry], when: str) -> Iterator[list[Ready]]:
        """All that serve and have passed the probe; of the others a failure is noted."""
        with ExitStack() as stack:
            ready = [each for entry in entries if (each := self._start(entry, when, stack)) is not None]
            time.sleep(SETTLE_S)
            yield ready

    def _start(self, entry: Entry, when: str, stack: ExitStack) -> Ready | None:
        peer = entry.peer
        if peer.command is None:
            return self._probed(peer, Aim(name=peer.name, port=self._upstreams.a), when)
        try:
            running = start(
                peer,
                entry.program,
                core=self._machine.peer_core,
                folder=self._folder,
                upstreams=self._upstreams,
                certificate=self._certificate,
            )
        except DidNotStart as error:
            self._fail(f"{peer.name} did not start in {when}: {error}")
            return None
        stack.callback(running.server.stop)
        aim = Aim(name=peer.name, port=running.port, tls_port=running.tls_port, running=running)
        return self._probed(peer, aim, when)

    def _probed(self, peer: Peer, aim: Aim, when: str) -> Ready | None:
        tls = self._certificate is not None and peer.command is not None and "tls" not in peer.unable
        try:
            probe(
                aim.port,
                proxy=peer.command is not None,
                falls="fall-through" not in peer.unable,
                tls_port=aim.tls_port if tls else None,
                labels=peer.reads_label,
            )
        except ProbeFailed as error:
            self._fail(f"{peer.name} failed the probe in {when}: {error}")
            return None
        return Ready(peer, aim)

    def _fail(self, text: str) -> None:
        self.failures.append(text)
        self._say(f"  FAILED: {text}")

    def _load(self, rate: float) -> Load:
        return Load(
            rate=rate,
            peer_core=self._machine.peer_core,
            load_core=self._machine.load_core,
            upstream=self._upstream,
            folder=self._folder,
        )


def takes_part(peer: Peer, case: Case, *, tls: bool) -> str | None:
    """Why a peer is not measured in a case; None when it is."""
    if peer.only is not None and case.name not in peer.only:
        return VARIANT
    if case.name in peer.unable:
        return peer.unable[case.name]
    if case.kind is Kind.IDLE and peer.command is None:
        return "there is no proxy to hold connections"
    if case.tls and not tls:
        return "no certificate could be made: apt-get install openssl"
    return None
