"""One plan in virtual time: schedule, world, play, and the outcome, judged as a live run's is."""

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from sim.replay.errand import Abort, Moment, Show
from sim.replay.errors import ReplayRefused
from sim.replay.outcome import Outcome, Ran, outcome_of
from sim.replay.plan import ReplayPlan
from sim.replay.script import Script, write_script
from sim.replay.sight import Sight
from sim.simulate.ground import Ground, Part
from sim.simulate.happenings import told_of
from sim.simulate.player import Labels, Player
from sim.simulate.telling import simulated
from sim.simulate.usage import Usage
from sim.simulate.worlds import rounded, world_of
from sim.world.history import Unwritten
from sim.world.watch import Checker
from sim.world.world import World

REQUESTS_MAX = 600_000
"""So many are simulated if nothing else is said: a minute or less."""

TELL_S = 0.5
PROBE = 1_000
"""A schedule so many times thinner tells how many requests the whole has."""

GC_EVERY = 100_000


def simulate(
    plan: ReplayPlan, ground: Ground, *, sampled: int = 1, show: Show | None = None
) -> tuple[Outcome, Sight]:
    """Draw the schedule, thinned by `sampled`, and play it. Raises ReplayRefused, FleetRefused."""
    return play(plan, script_of(plan, ground.base, sampled), ground, sampled=sampled, show=show)


def script_of(plan: ReplayPlan, base: Path, sampled: int) -> Script:
    """What a live run would draw with the plan's scale ÷ `sampled`: with 1, the very same."""
    return write_script(msgspec.structs.replace(plan, scale=plan.scale / sampled), base)


def sampled_for(plan: ReplayPlan, base: Path, proxies: int, requests_max: int) -> int:
    """One in so many is simulated, that no more than `requests_max` are; no fewer than there are proxies."""
    try:
        count = len(script_of(plan, base, PROBE).due_s) * PROBE
    except ReplayRefused:
        count = 0
    if count <= requests_max:
        count = 0
    needed = -(-count // requests_max)
    return max(1, proxies, needed)


def play(
    plan: ReplayPlan,
    script: Script,
    ground: Ground,
    *,
    sampled: int = 1,
    labels: Labels | None = None,
    show: Show | None = None,
    witness: Checker | None = None,
) -> tuple[Outcome, Sight]:
    """Play a schedule, one in `sampled` of the whole load; `witness` looks on. Raises FleetRefused."""
    part = Part(sampled=sampled, proxies=ground.fleet.proxies)
    began, began_s = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S"), time.monotonic()
    playing = _Playing(plan, script, ground, part, labels, show, witness)
    with _few_collections():
        playing.run()
    sight = playing.player.sight(ground.fleet.edge_s)
    outcome = outcome_of(plan, script, sight, playing.ran(began))
    told = simulated(
        plan, ground, part, outcome, playing.usage, playing.notes, len(sight), time.monotonic() - began_s
    )
    return msgspec.structs.replace(outcome, simulated=told), sight


class _Playing:
    """One run: the world, and who looks on."""

    def __init__(
        self,
        plan: ReplayPlan,
        script: Script,
        ground: Ground,
        part: Part,
        labels: Labels | None,
        show: Show | None,
        witness: Checker | None,
    ) -> None:
        self._plan = plan
        self._show = show
        self._abort = Abort(plan.abort) if plan.abort else None
        self._ended_s = script.seconds
        world_plan = world_of(plan, ground, part, script.seconds)
        self.notes = rounded(world_plan, ground, part)
        self.usage = Usage(plan.metrics_every_s, script.seconds)
        watching = (self.usage,) if witness is None else (self.usage, witness)
        self._world = World(world_plan, plan.seed, watching, history=Unwritten(), to_the_end=True)
        self.player = Player(self._world, plan, script, labels)
        self._seconds = script.seconds

    def run(self) -> None:
        """To its end."""
        self.player.start()
        self._await()
        violations = self._world.run()
        assert not violations, violations

    def ran(self, began: str) -> Ran:
        """What it left behind."""
        samples = [
            each for each in self.usage.samples if each.at_s <= self._ended_s + self._plan.limits.drain_s_max
        ]
        return Ran(
            began=began,
            result=None,
            ended_s=self._ended_s,
            aborted=self._abort.said if self._abort else "",
            faults=[each for each in told_of(self._plan.faults) if each.planned_s <= self._ended_s],
            samples=samples,
            samples_missed=0,
        )

    def _await(self) -> None:
        self._world.loop.at(self._world.loop.now_s + TELL_S, self._tell, None)

    def _tell(self, _: None) -> None:
        at_s, told = self._world.loop.now_s - self._world.began_s, self.player.told
        if self._show is not None:
            self._show(Moment(at_s=at_s, told=told, depth=float(self._world.queue.pending())))
        if at_s < self._seconds and self._abort is not None and self._abort.told(at_s, told):
            self._ended_s = at_s
            self.player.stop()
        else:
            self._await()


@contextmanager
def _few_collections() -> Iterator[None]:
    """A simulation makes millions of objects and few cycles."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_EVERY, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
