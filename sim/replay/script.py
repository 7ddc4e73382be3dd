"""The whole schedule of a plan: its stages drawn, one after another, and the class of each request."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sim.replay.errors import ReplayRefused
from sim.replay.plan import ReplayPlan, Stage
from sim.shapes.drawing import Drawn, draw
from sim.shapes.errors import ShapeRefused, TraceRefused
from sim.shapes.sheet import Floats
from sim.shapes.wanted import Wanted


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Script:
    """`bounds_s`: where each stage begins, and at last the end.

    `which` of `exact` a request is; below 0: it is as its class has it. None: all are.
    """

    due_s: Floats
    kinds: npt.NDArray[np.uint8]
    bounds_s: tuple[float, ...]
    exact: tuple[Wanted, ...] = ()
    which: npt.NDArray[np.int32] | None = None

    @property
    def seconds(self) -> float:
        """How long the schedule is."""
        return self.bounds_s[-1]


def write_script(plan: ReplayPlan, base: Path) -> Script:
    """Drawn by the plan's seed. Raises ReplayRefused where a stage cannot be drawn, or a limit is passed."""
    parts, kinds, bounds_s, left = [], [], [0.0], plan.limits.requests_max
    exact: list[Wanted] = []
    which: list[npt.NDArray[np.int32]] = []
    rng = np.random.default_rng((plan.seed, 2))
    for number, stage in enumerate(plan.stages):
        try:
            drawn = draw(stage.shape, plan.seed * 1_000 + number, left, base=base, scale=plan.scale)
        except (ShapeRefused, TraceRefused) as error:
            raise ReplayRefused(f"line {stage.line}, stage {stage.name}: {error}") from error
        parts.append(drawn.due_s + bounds_s[-1])
        kinds.append(_kinds(plan, stage, drawn, rng))
        which.append(_which(drawn, len(exact)))
        exact += drawn.exact
        bounds_s.append(bounds_s[-1] + drawn.seconds)
        left -= len(drawn.due_s)
    if bounds_s[-1] > plan.limits.seconds_max:
        raise ReplayRefused(
            f"{bounds_s[-1]:,.0f} s; {plan.limits.seconds_max:,.0f} are the limit (limits.seconds)"
        )
    due_s = np.concatenate(parts)
    if not len(due_s):
        raise ReplayRefused("the schedule has no requests")
    return Script(
        due_s=due_s,
        kinds=np.concatenate(kinds),
        bounds_s=tuple(bounds_s),
        exact=tuple(exact),
        which=np.concatenate(which) if exact else None,
    )


def _which(drawn: Drawn, before: int) -> npt.NDArray[np.int32]:
    """`before`: requests of the stages before it."""
    if drawn.which is None:
        return np.full(len(drawn.due_s), -1, dtype=np.int32)
    return (drawn.which + before).astype(np.int32)


def _kinds(plan: ReplayPlan, stage: Stage, drawn: Drawn, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """The class of each request of a stage: drawn by weight, or as it was recorded."""
    if drawn.which is not None:
        return _recorded_kinds(plan, stage, drawn, drawn.which)
    mix = dict(stage.mix) or {each.name: each.weight for each in plan.classes}
    weights = np.array([mix.get(each.name, 0.0) for each in plan.classes])
    return rng.choice(len(weights), size=len(drawn.due_s), p=weights / weights.sum()).astype(np.uint8)


def _recorded_kinds(
    plan: ReplayPlan, stage: Stage, drawn: Drawn, which: npt.NDArray[np.int64]
) -> npt.NDArray[np.uint8]:
    if stage.mix:
        raise ReplayRefused(f"line {stage.line}, stage {stage.name}: a recording brings its own mix")
    places = {each.name: place for place, each in enumerate(plan.classes)}
    unknown = sorted({each.class_name for each in drawn.exact} - set(places))
    if unknown:
        raise ReplayRefused(
            f"line {stage.line}, stage {stage.name}: the recording has requests of class"
            f" {', '.join(unknown)}; the plan has no class of that name"
        )
    found = np.array([places[each.class_name] for each in drawn.exact], dtype=np.uint8)
    return found[which]
