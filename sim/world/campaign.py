"""Many random worlds, one after the other, and what was seen in them all."""

import hashlib

import msgspec

from proxy.qos.permits import PermitsOf, own_permits
from sim.world.checkers.probe import Probe
from sim.world.checkers.roster import checkers_of
from sim.world.random_worlds import random_world
from sim.world.watch import Violation
from sim.world.world import World


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How one world went."""

    seed: int
    digest: str
    violations: tuple[Violation, ...]


class Campaign:
    """Counts over all worlds run so far: by `seen`, a campaign in which nothing happens shows."""

    def __init__(self, permits_of: PermitsOf = own_permits) -> None:
        self._permits_of = permits_of
        self._hash = hashlib.blake2b(digest_size=16)
        self.requests = 0
        self.calls = 0
        self.seen: dict[str, int] = {}

    def run(self, seed: int) -> Outcome:
        """One world more."""
        plan = random_world(seed)
        world = World(plan, seed, checkers_of(plan), permits_of=self._permits_of)
        violations = world.run()
        digest = world.history.digest()
        self._hash.update(digest.encode())
        self._count(world)
        return Outcome(seed=seed, digest=digest, violations=violations)

    def digest(self) -> str:
        """Of the histories of all worlds."""
        return self._hash.hexdigest()

    def _count(self, world: World) -> None:
        self.requests += world.taken
        self.calls += world.cluster.calls
        for (_, _, verdict), count in world.meters.requests.items():
            self._see(f"requests {verdict}", count)
        for (_, outcome), count in world.meters.attempts.items():
            self._see(f"attempts {outcome}", count)
        for (_, bar), count in world.meters.passed_over.items():
            self._see(f"passed over ({bar})", count)
        for checker in world.watch.checkers:
            if isinstance(checker, Probe):
                self._see("sheds from full lines", checker.sheds)
        for (_, won), count in world.meters.hedges.items():
            self._see(f"hedges, won: {won}", count)
        for event, count in world.log.counts.items():
            self._see(f"log {event}", count)

    def _see(self, what: str, count: int) -> None:
        self.seen[what] = self.seen.get(what, 0) + count
