"""The history: the same seed gives the same bytes."""

import os
import subprocess
import sys
from pathlib import Path

from sim.world.history import CHUNK, History
from sim.world.random_worlds import random_world
from sim.world.world import World
from tests.stand_ins.world import stream, world_plan

ROOT = Path(__file__).parents[4]
TELL = """
from sim.world.campaign import Campaign
campaign = Campaign()
for seed in range(12):
    campaign.run(seed)
print(campaign.digest())
"""


def test_the_history_does_not_hang_on_how_this_process_hashes() -> None:
    """An order that comes from a set of strings is another one in every process."""
    told = [
        subprocess.run(
            [sys.executable, "-c", TELL],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert told[0] == told[1]
    assert len(told[0].strip()) == 32


def test_another_seed_is_another_history() -> None:
    """A digest that never changes would prove nothing."""
    digests = []
    for seed in (1, 2):
        world = World(world_plan(), seed)
        assert not world.run()
        digests.append(world.history.digest())
    assert digests[0] != digests[1]


def test_one_draw_more_for_a_server_moves_no_arrival() -> None:
    """What is to be compared must meet the same load."""
    counts = set()
    for seed in (5,):
        for slots in (1, 8):
            plan = world_plan(stream(rate=200.0))
            world = World(plan, seed)
            world.servers["http://first:1"].plan = plan.servers[0].__class__(
                url="http://first:1", application="1", service=plan.servers[0].service, slots=slots
            )
            world.run()
            counts.add(world.tallies[0].orders)
    assert len(counts) == 1


def test_the_last_events_are_told_in_words() -> None:
    """They are what a violation is understood by."""
    world = World(world_plan(), 3)
    assert not world.run()
    assert any("arrives" in line for line in world.history.last())
    assert len(world.history.last(5)) == 5


def test_a_long_history_keeps_its_digest_and_only_its_end() -> None:
    """A million events must not fill the memory."""
    long = world_plan(stream(rate=500.0, until_s=4.0))
    brief, whole = World(long, 3), World(long, 3, history=History(whole=True))
    brief.run()
    whole.run()
    assert brief.history.events > CHUNK
    assert brief.history.digest() == whole.history.digest()
    assert len(whole.history.last(10**6)) == whole.history.events
    assert len(brief.history.last(10**6)) < CHUNK + 100


def test_a_random_world_is_the_same_plan_each_time() -> None:
    """The command that replays it has the seed alone."""
    assert random_world(17) == random_world(17)
    assert random_world(17) != random_world(18)
