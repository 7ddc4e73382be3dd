"""The outcome of a replay, as it stands in `result.json`: the page is drawn from it alone. Pure."""

from collections.abc import Sequence

import msgspec
import numpy as np

from sim.load.result import GeneratorResult, Result
from sim.replay.faults import Done
from sim.replay.figures import Course, Figures, course_of, figures_of, recovery_s, spike_end_s
from sim.replay.plan import ReplayPlan
from sim.replay.proxywatch import Sample
from sim.replay.script import Script
from sim.replay.sight import Sight
from sim.replay.threshold import ALL, Judged, judge

MET, MISSED, INVALID = 0, 99, 98
WORDS = {MET: "MET", MISSED: "MISSED", INVALID: "INVALID"}


class StageTold(msgspec.Struct, frozen=True, kw_only=True):
    """A stage of the run."""

    name: str
    from_s: float
    to_s: float


class ClassTold(msgspec.Struct, frozen=True, kw_only=True):
    """`recovery_s`: after the spike; None where it had none, or was never good again (`recovered`)."""

    figures: Figures
    course: Course
    stages: dict[str, Figures]
    deadline_ms: float  # 0 for all classes together
    recovered: bool
    recovery_s: float | None


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """`exit_code` is the verdict; `invalid` says why the run proves nothing."""

    name: str
    says: str
    target: str
    began: str  # UTC
    scale: float
    seed: int
    seconds: float
    exit_code: int
    invalid: list[str]
    aborted: str
    spike_end_s: float | None
    judged: list[Judged]
    stages: list[StageTold]
    classes: dict[str, ClassTold]  # ALL first
    generator: GeneratorResult
    faults: list[Done]
    samples: list[Sample]
    samples_missed: int

    @property
    def verdict(self) -> str:
        """MET, MISSED or INVALID."""
        return WORDS[self.exit_code]


class Ran(msgspec.Struct, frozen=True, kw_only=True):
    """What a run left behind, besides what its processes saw."""

    began: str
    result: Result
    aborted: str
    interrupted: str = ""
    faults: Sequence[Done]
    samples: Sequence[Sample]
    samples_missed: int


def outcome_of(plan: ReplayPlan, script: Script, sight: Sight, ran: Ran) -> Outcome:
    """Everything that is told of a run."""
    seconds = ran.result.seconds if ran.aborted or ran.interrupted else script.seconds
    deadlines_s = np.array([each.deadline_s for each in plan.classes])
    stages = [
        StageTold(name=each.name, from_s=start_s, to_s=min(stop_s, seconds))
        for each, start_s, stop_s in zip(plan.stages, script.bounds_s[:-1], script.bounds_s[1:], strict=True)
        if start_s < seconds
    ]
    whole = course_of(sight, deadlines_s, seconds)
    spike_s = spike_end_s(whole)
    seen = {ALL: sight}
    seen.update({each.name: sight.where(sight.kinds == place) for place, each in enumerate(plan.classes)})
    limits = {each.name: each.deadline_s * 1e3 for each in plan.classes}
    classes = {
        name: _class_told(each, deadlines_s, seconds, stages, limits.get(name, 0.0), spike_s)
        for name, each in seen.items()
    }
    judged = [
        judge(each, _figures(classes[each.of], each.stage).by_name(), plan.minimum_sample)
        for each in plan.thresholds
        if not each.stage or any(stage.name == each.stage for stage in stages)
    ]
    invalid = _complaints(plan, ran, judged)
    missed = bool(ran.aborted) or not all(each.met for each in judged)
    return Outcome(
        name=plan.name,
        says=plan.says,
        target=f"http://{plan.target.authority}{plan.target.path}",
        began=ran.began,
        scale=plan.scale,
        seed=plan.seed,
        seconds=seconds,
        exit_code=INVALID if invalid else MISSED if missed else MET,
        invalid=invalid,
        aborted=ran.aborted,
        spike_end_s=spike_s,
        judged=judged,
        stages=stages,
        classes=classes,
        generator=ran.result.generator,
        faults=sorted(ran.faults, key=lambda each: each.began_s),
        samples=list(ran.samples),
        samples_missed=ran.samples_missed,
    )


def _class_told(
    sight: Sight,
    deadlines_s: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    seconds: float,
    stages: list[StageTold],
    deadline_ms: float,
    spike_s: float | None,
) -> ClassTold:
    course = course_of(sight, deadlines_s, seconds)
    after_s = None if spike_s is None else recovery_s(course, spike_s)
    parts = {
        each.name: sight.where((sight.planned_s >= each.from_s) & (sight.planned_s < each.to_s))
        for each in stages
    }
    return ClassTold(
        figures=figures_of(sight, deadlines_s),
        course=course,
        stages={name: figures_of(part, deadlines_s) for name, part in parts.items()},
        deadline_ms=deadline_ms,
        recovered=spike_s is None or after_s is not None,
        recovery_s=after_s,
    )


def _figures(told: ClassTold, stage: str) -> Figures:
    return told.stages[stage] if stage else told.figures


def _complaints(plan: ReplayPlan, ran: Ran, judged: Sequence[Judged]) -> list[str]:
    if ran.interrupted:
        return [ran.interrupted]
    found = list(ran.result.invalid)
    found += [f"the fault '{each.name}' did not happen: {each.said}" for each in ran.faults if not each.well]
    if not ran.aborted:
        came = {(each.name, each.planned_s) for each in ran.faults}
        late = [each for each in plan.faults if (each.name, each.at_s) not in came]
        found += [f"the fault '{each.name}' did not happen: the run had ended" for each in late]
    found += [
        f"{each.of}: {each.text} rests on {each.sample:,} answers; {each.sample_min:,} are needed"
        for each in judged
        if not each.believed and not ran.aborted
    ]
    return found
