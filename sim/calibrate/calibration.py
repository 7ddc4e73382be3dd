"""One calibration: levels by concurrency up to the knee, then rates around it. Decides nothing itself."""

import time
from collections.abc import Callable

import msgspec

from sim.calibrate.closedloop import ClosedLoop
from sim.calibrate.errors import BudgetSpent, EndpointUnfit, ScheduleMissed
from sim.calibrate.knee import greatest, knee, next_concurrency, powers
from sim.calibrate.level import Level
from sim.calibrate.question import Question
from sim.calibrate.sustained import Trial, next_percent, sustained_percent, trial_s
from sim.load.arrivals import Poisson
from sim.load.limits import LoadLimits
from sim.load.mix import RequestClass
from sim.load.part import sum_up
from sim.load.plan import Plan, schedule
from sim.load.process import Job, generate
from sim.load.result import Result, merged

DEADLINE_TIMES = 5
"""Without a deadline, one is set: so many times the mean latency at the knee."""

INVALID_MAX = 3
LEAD_S = 0.05

Say = Callable[[Level | Trial], None]


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """What was found. `rate` is 0 where none was sustained within the deadline."""

    concurrency: int
    throughput: float  # at the knee, good answers a second; the median of its steps
    rate: float
    deadline_ms: float
    levels: list[Level]
    powers: dict[int, float]
    trials: list[Trial]
    notes: list[str]
    requests: int  # sent in all


class Calibrator:
    """Runs the steps one after another, inside the question's limits. `say` is told each."""

    def __init__(self, question: Question, say: Say) -> None:
        self._question = question
        self._say = say
        self._left = question.requests_max
        self._levels: list[Level] = []
        self._trials: list[Trial] = []
        self._notes: list[str] = []

    async def run(self) -> Calibration:
        """Raises EndpointUnfit, BudgetSpent, ScheduleMissed."""
        concurrency = await self._climb()
        at_knee = sorted((each for each in self._levels if each.concurrency == concurrency), key=_throughput)
        middle = at_knee[len(at_knee) // 2]
        deadline_ms = self._question.deadline_ms or round(DEADLINE_TIMES * middle.mean_ms, 1)
        await self._search(middle.throughput, deadline_ms)
        percent = sustained_percent(self._trials)
        return Calibration(
            concurrency=concurrency,
            throughput=middle.throughput,
            rate=min(
                middle.throughput * percent / 100, greatest(self._levels)
            ),  # no noise above what was seen
            deadline_ms=deadline_ms,
            levels=self._levels,
            powers=powers(self._levels),
            trials=self._trials,
            notes=self._notes,
            requests=self._question.requests_max - self._left,
        )

    async def _climb(self) -> int:
        while (concurrency := next_concurrency(self._levels, self._question.concurrency_max)) is not None:
            if self._left <= 0:
                self._notes.append(
                    "the requests were spent before the knee was sure; --max-requests allows more"
                )
                break
            loop = ClosedLoop(self._question, concurrency, self._left)
            level = await loop.run()
            self._left -= loop.sent
            self._levels.append(level)
            self._say(level)
            if not level.sound:
                self._notes.append(
                    f"at concurrency {concurrency} the server was not sound: {_ends(level.ends)}"
                )
        found = knee(self._levels)
        if found is None:
            ends = _ends(self._levels[0].ends) if self._levels else "nothing was sent"
            raise EndpointUnfit(f"one caller alone is not answered in time and without errors ({ends})")
        if found == self._question.concurrency_max:
            self._notes.append(f"the knee may lie higher: --max-concurrency is {found}")
        return found

    async def _search(self, throughput: float, deadline_ms: float) -> None:
        invalid = 0
        seconds = trial_s(self._question.seconds, deadline_ms)
        while (percent := next_percent(self._trials)) is not None:
            rate = throughput * percent / 100
            if self._left < rate * (seconds + self._question.warm_up_s):
                self._notes.append(
                    "the requests were spent before the rate was sure; --max-requests allows more"
                )
                if not sustained_percent(self._trials):
                    raise BudgetSpent("no rate was shown to be sustained; --max-requests allows more")
                return
            result = await self._flow(rate, seconds, deadline_ms, len(self._trials) + invalid)
            if not result.valid:
                invalid += 1
                if invalid >= INVALID_MAX:
                    raise ScheduleMissed("; ".join(result.invalid))
                continue
            trial = _trial(percent, result)
            self._trials.append(trial)
            self._say(trial)

    async def _flow(self, rate: float, seconds: float, deadline_ms: float, number: int) -> Result:
        """One open-loop step."""
        question = self._question
        plan = Plan(
            target=question.target,
            arrivals=Poisson(rate=rate, seconds=seconds + question.warm_up_s, exact=True),
            classes=(
                RequestClass(
                    name="all", deadline_ms=deadline_ms, body=question.body, headers=question.headers
                ),
            ),
            seed=question.seed * 1_000 + number,
            warm_up_s=question.warm_up_s,
            limits=LoadLimits(requests_max=max(1, self._left)),
        )
        share = schedule(plan)
        self._left -= len(share.due_s)
        job = Job(plan=plan, process=0, address=question.address)
        record = await generate(job, share, time.monotonic() + LEAD_S)
        return merged(plan, [sum_up(record, plan.classes, plan.seconds, plan.warm_up_s)])


def _trial(percent: int, result: Result) -> Trial:
    (each,) = result.classes.values()
    return Trial(
        percent=percent,
        rate=result.generator.planned_rate,
        arrivals=each.arrivals,
        good=each.good,
        late=each.late,
        failed=each.failed + each.tickets,
        p50_ms=each.p50_ms,
        p99_ms=each.p99_ms,
    )


def _throughput(level: Level) -> float:
    return level.throughput


def _ends(ends: dict[str, int]) -> str:
    return ", ".join(f"{end}: {count:,}" for end, count in sorted(ends.items())) or "no answer"
