"""I1 rate: broken on purpose."""

import math

import pytest

from proxy.qos.permits import Permits, Shortage
from proxy.routing.table import Application
from sim.world.baselines import WindowPermits
from sim.world.checkers.rate import Bucket, Rate, RateAcrossReloads
from sim.world.plan import Phase, ReloadPlan, Spacing
from sim.world.world import World
from tests.stand_ins.world import stream, table, violations_of, world_plan

LIMITED = table("rate: 50, burst: 5", "rate: 50, burst: 5")
BUSY = world_plan(stream(rate=300.0, until_s=3.0), table=LIMITED)
RELOADED = world_plan(
    stream(rate=300.0, until_s=2.0),
    table=LIMITED,
    reloads=(ReloadPlan(at_s=1.0, table=LIMITED.replace("deadline: 300", "deadline: 200")),),
)


def test_gcra_is_left_alone() -> None:
    """It is full all the time, and never over."""
    world = World(BUSY, 1, (Rate(), RateAcrossReloads()))
    assert not world.run()
    assert world.meters.passed_over["1", "rate"] > 100


def test_a_window_that_is_counted_twice_at_its_edge_is_seen() -> None:
    """The window limiter's known fault: two quotas around the edge."""
    bursts = tuple(
        Phase(from_s=at_s, until_s=at_s + 0.01, rate=60, spacing=Spacing.BURST) for at_s in (0.95, 1.05)
    )
    found = violations_of(
        world_plan(stream(phases=bursts), table=LIMITED),
        (Rate(),),
        permits_of=lambda a: WindowPermits(concurrency=a.concurrency, rate=a.rate),
    )
    assert found[0].rule == "I1 rate"


class ResetPermits(Permits):
    """A reload makes it forget."""

    def limit(self, *, concurrency: int | None, rate: float | None, burst: int | None, now: float) -> None:
        super().limit(concurrency=concurrency, rate=rate, burst=burst, now=now)
        self._next_s = -math.inf


def reset_permits(application: Application) -> Permits:
    """Permits of the forgetful kind."""
    return ResetPermits(concurrency=application.concurrency, rate=application.rate, burst=application.burst)


def test_a_reload_that_resets_the_limiter_is_seen() -> None:
    """Ten reloads a second would be ten bursts a second."""
    assert not violations_of(RELOADED, (Rate(),))
    assert violations_of(RELOADED, (Rate(),), permits_of=reset_permits)


def test_an_instant_with_more_than_the_burst_is_seen() -> None:
    """The smallest window there is."""

    class NoBurst(Permits):
        def shortage(self, now: float) -> Shortage | None:
            return None

    found = violations_of(
        BUSY, (Rate(),), permits_of=lambda _: NoBurst(concurrency=None, rate=None, burst=None)
    )
    assert found


@pytest.mark.parametrize(("gap_s", "kept"), [(0.1, True), (0.0999, False)])
def test_the_bucket_is_exact(gap_s: float, kept: bool) -> None:
    """A token too few is a violation; the rounding of a million additions is none."""
    bucket = Bucket(10.0, 1.0, 0.0)
    assert bucket.take(0.0)
    assert bucket.take(gap_s) is kept


def test_limits_that_a_reload_widens_bound_windows_across_it_by_the_wider() -> None:
    """Only what both tables forbid is a violation."""
    bucket = Bucket(10.0, 1.0, 0.0)
    assert bucket.take(0.0)
    bucket.widen(10.0, 2.0)
    assert bucket.take(0.0)
    assert not bucket.take(0.0)
    bucket.widen(20.0, 1.0)
    assert bucket.take(0.0)
