"""A recording played in virtual time: the same requests at the same times, through a table and a fleet."""

from pathlib import Path

import msgspec

from proxy.recording.rows import Row
from sim.fleet.fleet import Fleet
from sim.load.limits import Punctuality
from sim.load.target import Target
from sim.recordings.reading import Recording
from sim.recordings.witness import Witness
from sim.replay.outcome import Outcome
from sim.replay.plan import ReplayLimits, ReplayPlan, Stage, TrafficClass
from sim.replay.script import Script, write_script
from sim.shapes.shape import Recorded
from sim.simulate.errand import play
from sim.simulate.ground import Ground

NO_DEADLINE_S = 86_400.0
"""For the figures of classes that have none."""

TARGET = Target(host="127.0.0.1", port=8080, path="/v2/models/m/infer")


class Played(msgspec.Struct, frozen=True, kw_only=True):
    """`rows`: what came of each arrival of the recording, in their order; None: nothing in time."""

    rows: list[Row | None]
    outcome: Outcome


def plan_of(path: Path, recording: Recording, *, seed: int = 1) -> ReplayPlan:
    """The plan that plays it as it was."""
    deadlines_ms = {each.name: each.deadline_ms for each in recording.header.about.classes}
    names = dict.fromkeys([*deadlines_ms, *(row.class_name for row in recording.arrivals)])
    return ReplayPlan(
        name=path.name.partition(".")[0],
        says=f"Recorded at {recording.header.began}.",
        target=TARGET,
        stages=(Stage(name="recorded", shape=Recorded(file=str(path)), line=1),),
        classes=tuple(
            TrafficClass(
                name=name, weight=1.0, deadline_s=(deadlines_ms.get(name) or NO_DEADLINE_S * 1e3) / 1e3
            )
            for name in names
        ),
        thresholds=(),
        faults=(),
        abort=None,
        limits=ReplayLimits(seconds_max=NO_DEADLINE_S),
        punctuality=Punctuality(),
        metrics="",
        metrics_every_s=1.0,
        minimum_sample=0,
        scale=1.0,
        seed=seed,
        processes=1,
    )


def script_of(plan: ReplayPlan) -> Script:
    """Its schedule. Raises ReplayRefused."""
    return write_script(plan, Path())


def played(plan: ReplayPlan, script: Script, table: str, fleet: Fleet) -> Played:
    """Raises FleetRefused where table and fleet do not fit. The recording is one proxy's load."""
    witness = Witness(fleet.edge_s)
    ground = Ground(table=table, fleet=fleet)
    outcome, _ = play(plan, script, ground, sampled=fleet.proxies, witness=witness)
    return Played(rows=[witness.rows.get(number) for number in range(len(script.due_s))], outcome=outcome)
