"""What the pipeline answers, and what was tried for it. Hot: plain classes, which mypyc makes C structs."""

import math
from typing import Final, final

from proxy.answer import Answer
from proxy.verdicts import Outcome, Verdict

Label = str
"""A label in its canonical form: the number 1125 and the word "1125" are the same label."""


@final
class Attempt:
    """One row tried, as `Penstock-Attempts` reports it. Never changed."""

    __slots__ = ("application", "began_s", "cause", "elapsed_s", "endpoint", "hedge", "outcome", "tier")

    def __init__(
        self,
        *,
        application: str,
        tier: int,
        outcome: Outcome,
        elapsed_s: float,
        began_s: float = 0.0,  # monotonic
        cause: str = "",  # for logs: what the network said, or the status
        hedge: bool = False,  # the second of two calls at once
        endpoint: str = "",  # that was called; for recordings
    ) -> None:
        self.application: Final = application
        self.tier: Final = tier
        self.outcome: Final = outcome
        self.elapsed_s: Final = elapsed_s
        self.began_s: Final = began_s
        self.cause: Final = cause
        self.hedge: Final = hedge
        self.endpoint: Final = endpoint


def called_s(attempts: tuple[Attempt, ...]) -> float:
    """Seconds in which a call was under way; the attempts stand in the order in which they ended.

    Two calls at once count once.
    """
    if len(attempts) == 1:
        return attempts[0].elapsed_s
    total_s = 0.0
    counted_from_s = math.inf
    for attempt in reversed(attempts):
        ended_s = min(attempt.began_s + attempt.elapsed_s, counted_from_s)
        total_s += max(0.0, ended_s - attempt.began_s)
        counted_from_s = min(attempt.began_s, counted_from_s)
    return total_s


@final
class Reply:
    """The edge turns it into bytes, the drain into a stored result. Never changed."""

    __slots__ = (
        *("answer", "application", "attempts", "class_name", "generation", "labels", "passed_over"),
        *("retry_after_s", "tier", "verdict"),
    )

    def __init__(
        self,
        *,
        verdict: Verdict,
        answer: Answer,
        labels: tuple[Label, ...] = (),
        class_name: str = "",
        application: str = "",  # who answered; empty where nobody did
        tier: int | None = None,
        attempts: tuple[Attempt, ...] = (),
        passed_over: tuple[tuple[str, str], ...] = (),  # applications not called, and why
        generation: int = 0,
        retry_after_s: float | None = None,
    ) -> None:
        self.verdict: Final = verdict
        self.answer: Final = answer
        self.labels: Final = labels
        self.class_name: Final = class_name
        self.application: Final = application
        self.tier: Final = tier
        self.attempts: Final = attempts
        self.passed_over: Final = passed_over
        self.generation: Final = generation
        self.retry_after_s: Final = retry_after_s
