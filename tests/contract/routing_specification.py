"""How a request is routed, once more: slow, obvious, and without a line of the product.

Plain dicts and loops after the contract's six sentences. A table is `{"routes": [...], "classes": [...]}`
as YAML has it; an application's state is a dict of `application_state`. All times are seconds and, so that
two right answers cannot differ in the last bit, multiples of a power of two. The n-th attempt of a request
is drawn with the n-th random number. An answer that comes at the very moment of the timeout is too late.
"""

from fractions import Fraction
from typing import Any

CHANCE_S_MIN = 0.001
NEVER = float("-inf")

State = dict[str, Any]
Row = dict[str, Any]


def application_state(
    *,
    concurrency: int | None,
    rate: float | None,
    burst: int,
    consecutive: int,
    rest_s: float,
    rest_max_s: float,
) -> State:
    """An application that has not been called yet."""
    return {
        "drained": False,
        "concurrency": concurrency,
        "in_flight": 0,
        "rate": rate,
        "burst": burst,
        "level": 0.0,  # a bucket: each call pours one in, `rate` a second leak out
        "poured_at": 0.0,
        "held_until": NEVER,
        "consecutive": consecutive,
        "failures": 0,
        "resting_s": None,  # None: the breaker admits
        "rested_at": NEVER,
        "probing": False,
        "rest_s": rest_s,
        "rest_max_s": rest_max_s,
    }


def matching(routes: list[Row], labels: list[str]) -> list[Row]:
    """A row matches when it shares a label with the request, or carries the star."""
    return [row for row in routes if "*" in row["label"] or any(label in row["label"] for label in labels)]


def tiers_of(rows: list[Row]) -> list[tuple[int, list[Row]]]:
    """Matching rows of one priority are a tier; ascending."""
    priorities = sorted({row["priority"] for row in rows})
    return [(priority, [row for row in rows if row["priority"] == priority]) for priority in priorities]


def class_of(classes: list[dict[str, Any]], labels: list[str]) -> tuple[str, float | None]:
    """Name and deadline of the first class that shares a label with the request."""
    for each in classes:
        for label in each["label"]:
            if label in labels:
                return each["name"], each["deadline_s"]
    return "default", None


def why_not(row: Row, state: State, now: float, deadline: float) -> str | None:
    """Why a row is not eligible; None when it is."""
    if deadline - now < CHANCE_S_MIN:
        return "deadline"
    if row["weight"] == 0:
        return "weight"
    if state["drained"]:
        return "drained"
    if state["resting_s"] is not None and (now < state["rested_at"] or state["probing"]):
        return "breaker"
    if state["concurrency"] is not None and state["in_flight"] == state["concurrency"]:
        return "concurrency"
    if state["rate"] is not None and level_at(state, now) > state["burst"] - 1:
        return "rate"
    if now < state["held_until"]:
        return "held"
    return None


def level_at(state: State, now: float) -> float:
    """What is left in the bucket."""
    leaked: float = (now - state["poured_at"]) * state["rate"]
    return max(0.0, state["level"] - leaked)


def drawn(rows: list[Row], u: float) -> Row:
    """By weight, in exact fractions; each row's upper bound is exclusive."""
    total = sum(Fraction(row["weight"]) for row in rows)
    bound = Fraction(0)
    for row in rows:
        bound += Fraction(row["weight"])
        if Fraction(u) * total < bound:
            return row
    raise AssertionError("u was not below 1")


def begin_call(state: State, now: float) -> bool:
    """Take the permits; True when the call is the breaker's probe."""
    state["in_flight"] += 1
    if state["rate"] is not None:
        state["level"] = level_at(state, now) + 1
        state["poured_at"] = now
    if state["resting_s"] is None:
        return False
    state["probing"] = True
    return True


def forget_call(state: State, probe: bool) -> None:
    """Its caller left: no evidence for or against the application."""
    state["in_flight"] -= 1
    if probe:
        state["probing"] = False


def end_call(state: State, probe: bool, outcome: str, hold_s: float | None, now: float) -> None:
    """Give the permit back, and let the breaker and the back-off learn of it."""
    forget_call(state, probe)
    if hold_s is not None:
        state["held_until"] = now + min(hold_s, 30.0)
    bad = outcome in ("refused", "reset", "timeout", "failed", "denied", "garbage")
    if probe and bad:
        state["resting_s"] = min(2 * state["resting_s"], state["rest_max_s"])
        state["rested_at"] = now + state["resting_s"]
    elif probe:
        state["resting_s"] = None
        state["failures"] = 0
    elif state["resting_s"] is None:
        state["failures"] = state["failures"] + 1 if bad else 0
        if state["failures"] >= state["consecutive"]:
            state["resting_s"] = state["rest_s"]
            state["rested_at"] = now + state["rest_s"]


def outcome_of(what: int | str) -> str:
    """A status, or the word for a call without a whole answer."""
    if isinstance(what, str):
        return what
    if 200 <= what < 300:
        return "ok"
    if what in (401, 403):
        return "denied"
    if what in (429, 450):
        return "throttled"
    if what == 408 or 500 <= what < 600:
        return "failed"
    if 400 <= what < 500:
        return "rejected"
    return "garbage"


def route(
    table: dict[str, Any],
    labels: list[str],
    states: dict[str, State],
    script: dict[str, tuple[int | str, float, float | None]],
    draws: list[float],
    now: float,
    caller_s: float | None,
) -> dict[str, Any]:
    """The story of one request that arrives `now`; `states` are changed as it goes.

    `script` says how a call to each application would end: with what, after how long, and what
    Retry-After it would carry. `caller_s` is the caller's own budget.
    """
    class_name, deadline_s = class_of(table["classes"], labels)
    budgets = [budget for budget in (deadline_s, caller_s) if budget is not None]
    deadline = now + min(budgets) if budgets else float("inf")
    tiers = tiers_of(matching(table["routes"], labels))
    story: dict[str, Any] = {
        "class": class_name,
        "tiers": [(priority, [row["number"] for row in rows]) for priority, rows in tiers],
        "attempts": [],
        "passed_over": [],
        "end": "queue" if tiers else "nowhere",
    }
    for priority, rows in tiers:
        eligible = []
        for row in rows:
            reason = why_not(row, states[row["application"]], now, deadline)
            if reason is None:
                eligible.append(row)
            else:
                story["passed_over"].append((row["application"], reason))
        if not eligible:
            continue
        row = drawn(eligible, draws[len(story["attempts"])])
        outcome, elapsed_s = _attempt(row, states[row["application"]], script, now, deadline)
        now += elapsed_s
        story["attempts"].append((row["application"], priority, outcome, elapsed_s))
        if outcome in ("ok", "rejected"):
            story["end"] = ("answer", script[row["application"]][0])
            break
    story["ended_at"] = now
    return story


def _attempt(
    row: Row,
    state: State,
    script: dict[str, tuple[int | str, float, float | None]],
    now: float,
    deadline: float,
) -> tuple[str, float]:
    what, after_s, hold_s = script[row["application"]]
    budget_s = min(row["timeout_s"], deadline - now)
    probe = begin_call(state, now)
    if after_s >= budget_s:
        end_call(state, probe, "timeout", None, now + budget_s)
        return "timeout", budget_s
    honoured = hold_s if what in (429, 450, 503) else None
    end_call(state, probe, outcome_of(what), honoured, now + after_s)
    return outcome_of(what), after_s
