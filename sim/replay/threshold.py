"""What must hold: `p99 < 100ms`, `goodput > 99.9%`, `lost == 0`, of a class, in a stage or in all. Pure."""

import math
import operator
import re
from collections.abc import Mapping

import msgspec

ALL = "all"
PERCENTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p99.9": 0.999, "p99.99": 0.9999}
SHARES = ("goodput", "answered")
COUNTS = ("lost", "refused", "late", "deferred", "failed", "arrivals")
SAMPLES_ABOVE = 10
"""So many answers must be slower than a percentile before it is believed."""

FORM = "such as p99 < 100ms, goodput > 99.9%, lost == 0, deferred < 5%, or p99 < 1s in STAGE"
_OPERATORS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq}
_WRITTEN = re.compile(
    r"\s*([a-z][a-z0-9.]*)\s*(<=|>=|==|<|>)\s*([0-9]+(?:\.[0-9]+)?)\s*(ms|s|%)?(?:\s+in\s+(\S+))?\s*"
)


class Threshold(msgspec.Struct, frozen=True, kw_only=True):
    """`metric` `compare` `bound`; times in ms, shares from 0 to 1. `line`: of the plan."""

    of: str  # a class, or ALL
    metric: str
    compare: str
    bound: float
    unit: str  # ms, %, or nothing for a count
    stage: str  # '' for the whole run
    line: int

    @property
    def text(self) -> str:
        """As it is written."""
        shown = self.bound * 100 if self.unit == "%" else self.bound
        where = f" in {self.stage}" if self.stage else ""
        return f"{self.metric} {self.compare} {shown:g}{self.unit}{where}"

    @property
    def percentile(self) -> float | None:
        """Which one it is about, from 0 to 1."""
        return PERCENTILES.get(self.metric)


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """A threshold and what was found. `believed`: of enough answers."""

    of: str
    text: str
    found: float
    shown: str
    met: bool
    believed: bool
    sample: int
    sample_min: int


def read_threshold(text: str, of: str, line: int) -> Threshold | str:
    """The threshold, or what is wrong with it."""
    match = _WRITTEN.fullmatch(text)
    if match is None:
        return f"'{text}' is not a threshold"
    metric, compare, number, unit, stage = match.groups()
    bound = float(number)
    if metric in PERCENTILES or metric == "max":
        if unit not in ("ms", "s"):
            return f"{metric} is a time: ms or s is wanted"
        bound, unit = (bound * 1e3 if unit == "s" else bound), "ms"
    elif metric in SHARES:
        if unit != "%":
            return f"{metric} is a share: % is wanted"
        bound /= 100
    elif metric in COUNTS:
        if unit not in (None, "%"):
            return f"{metric} is a count or a share: no unit, or %"
        bound = bound / 100 if unit else bound
    else:
        return f"no figure is called '{metric}'"
    return Threshold(
        of=of, metric=metric, compare=compare, bound=bound, unit=unit or "", stage=stage or "", line=line
    )


def sample_min(threshold: Threshold, least: int) -> int:
    """How many answers it needs to be believed; 0 for what is no percentile."""
    if threshold.percentile is None:
        return 0
    return least or math.ceil(SAMPLES_ABOVE / (1.0 - threshold.percentile) - 1e-6)


def judge(threshold: Threshold, figures: Mapping[str, float], least: int) -> Judged:
    """Against the figures of its class and stage; `answers` are what its percentiles rest on."""
    found = figures[threshold.metric]
    if threshold.unit == "%" and threshold.metric in COUNTS:
        found /= max(figures["arrivals"], 1.0)
    needed = sample_min(threshold, least)
    shown = (
        f"{found:.3%}" if threshold.unit == "%" else f"{found:,.1f} ms" if threshold.unit else f"{found:,.0f}"
    )
    return Judged(
        of=threshold.of,
        text=threshold.text,
        found=found,
        shown=shown,
        met=bool(_OPERATORS[threshold.compare](found, threshold.bound)),
        believed=figures["answers"] >= needed,
        sample=int(figures["answers"]),
        sample_min=needed,
    )
