"""The run: a trial round, then rounds in which every peer has one turn, in an order that a seed shuffles.

In its turn a peer is started afresh on its core, probed, measured in every case, and ended; so that what
the machine does meanwhile meets all of them alike, and no two peers run at once.
"""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from sim.bench.peers.case import CASES, SMALL, Case, Kind
from sim.bench.peers.machine import Machine
from sim.bench.peers.measure import Aim, Load, measure
from sim.bench.peers.peer import Certificate, Peer, start
from sim.bench.peers.probe import ProbeFailed, probe
from sim.bench.peers.sample import Sample
from sim.bench.peers.server import DidNotStart, Server
from sim.bench.peers.upstream import Upstreams

TRIAL_S = 1
SETTLE_S = 0.6
"""After a peer's start: what it does once in its life is not measured here."""
OPEN_SHARE = 0.5
"""The open loop's rate, as a share of what the slowest peer does at most."""

VARIANT = "a variant, measured in other cases"

Say = Callable[[str], None]


class Entry(msgspec.Struct, frozen=True):
    """A peer that is on this machine, with its program."""

    peer: Peer
    program: str


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
        say: Say,
    ) -> None:
        self._entries = list(entries)
        self._cases = cases
        self._machine = machine
        self._upstream = upstream
        self._upstreams = upstreams
        self._certificate = certificate
        self._folder = folder
        self._say = say
        self.samples: list[Sample] = []
        self.failures: list[str] = []

    def trial(self) -> float | None:
        """Every peer once, briefly; half of the slowest one's requests per second (None: nobody ran)."""
        (case,) = (case for case in CASES if case.name == SMALL)
        load = self._load(TRIAL_S, 1.0)
        speeds = {}
        for entry in self._entries:
            if entry.peer.only is None:
                with self._turn(entry, "the trial") as aim:
                    if aim is not None:
                        speeds[entry.peer.name] = measure(aim, case, 0, load).per_s or 0.0
        self._say("trial: " + ", ".join(f"{name} {speed:,.0f}/s" for name, speed in speeds.items()))
        return min(speeds.values()) * OPEN_SHARE if speeds else None

    def rounds(self, count: int, *, seconds: int, rate: float, seed: int) -> None:
        """Measure."""
        order = random.Random(seed)
        load = self._load(seconds, rate)
        for number in range(1, count + 1):
            order.shuffle(self._entries)
            names = ", ".join(entry.peer.name for entry in self._entries)
            self._say(f"round {number} of {count}: {names}")
            for entry in self._entries:
                with self._turn(entry, f"round {number}") as aim:
                    if aim is not None:
                        self._measure_all(entry.peer, aim, number, load)

    def _measure_all(self, peer: Peer, aim: Aim, number: int, load: Load) -> None:
        for case in self._cases:
            if takes_part(peer, case, tls=self._certificate is not None) is None:
                sample = measure(aim, case, number, load)
                self.samples.append(sample)
                if sample.trouble:
                    self._say(f"  TROUBLE: {peer.name}, {case.name}: {sample.trouble}")
                if sample.doubt:
                    self._say(f"  doubtful: {peer.name}, {case.name}: {sample.doubt}")

    @contextmanager
    def _turn(self, entry: Entry, when: str) -> Iterator[Aim | None]:
        """A peer that serves and has passed the probe; None, and a failure noted, where it did not."""
        peer = entry.peer
        if peer.command is None:
            yield self._probed(peer, Aim(name=peer.name, port=self._upstreams.a), when)
            return
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
            yield None
            return
        try:
            time.sleep(SETTLE_S)
            aim = Aim(name=peer.name, port=running.port, tls_port=running.tls_port, running=running)
            yield self._probed(peer, aim, when)
        finally:
            running.server.stop()

    def _probed(self, peer: Peer, aim: Aim, when: str) -> Aim | None:
        tls = self._certificate is not None and peer.command is not None and "tls" not in peer.unable
        try:
            probe(
                aim.port,
                proxy=peer.command is not None,
                falls="fall-through" not in peer.unable,
                tls_port=aim.tls_port if tls else None,
            )
        except ProbeFailed as error:
            self._fail(f"{peer.name} failed the probe in {when}: {error}")
            return None
        return aim

    def _fail(self, text: str) -> None:
        self.failures.append(text)
        self._say(f"  FAILED: {text}")

    def _load(self, seconds: int, rate: float) -> Load:
        return Load(
            seconds=seconds,
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
