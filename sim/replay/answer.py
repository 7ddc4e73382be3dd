"""The answer of a run, for who has ten seconds: how many machines, and up to which load it holds. Pure."""

from sim.replay.outcome import MET, MISSED, Outcome
from sim.replay.simulated import Simulated, counted
from sim.replay.threshold import ALL

STAGED = " in "
"""Between a threshold and the stage that it is about."""


def answers(outcome: Outcome) -> list[str]:
    """In a line each; none where the verdict says it all."""
    told = outcome.simulated
    machines = [] if told is None else [each.said for each in told.sizing] or [_machines(outcome, told)]
    edge = edge_of(outcome)
    return [*machines, *([edge] if edge else [])]


def edge_of(outcome: Outcome) -> str:
    """Where it breaks, if stages have thresholds of their own and only the higher loads missed theirs."""
    stages = {stage.name: stage for stage in outcome.stages}
    loads: dict[bool, dict[float, str]] = {True: {}, False: {}}
    missed = {
        each.text.rpartition(STAGED)[2] for each in outcome.judged if STAGED in each.text and not each.met
    }
    for each in outcome.judged:
        stage = stages.get(each.text.rpartition(STAGED)[2])
        if STAGED in each.text and stage is not None and stage.to_s > stage.from_s:
            arrivals = outcome.classes[ALL].stages[stage.name].arrivals * outcome.weight
            loads[stage.name not in missed][arrivals / (stage.to_s - stage.from_s)] = stage.name
    if not loads[True] or not loads[False] or max(loads[True]) >= min(loads[False]):
        return ""
    good, bad = max(loads[True]), min(loads[False])
    return f"Holds {good:,.0f} requests/s ({loads[True][good]}), breaks at {bad:,.0f} ({loads[False][bad]})"


def _machines(outcome: Outcome, told: Simulated) -> str:
    if not outcome.judged:
        state = "With"
    elif outcome.exit_code == MET:
        state = "Enough for all thresholds:"
    else:
        state = "Not enough:" if outcome.exit_code == MISSED else "It is not known whether these are enough:"
    pools = ", ".join(f"{each.name} {counted(each.machines)}" for each in told.pools)
    cost = f"; {money(told.cost, told)} for {told.hours:,.3g} h" if told.cost else ""
    return f"{state} {pools} machines{cost}"


def money(amount: float, told: Simulated) -> str:
    """With the fleet's own word behind it."""
    digits = 0 if amount >= 100 or amount == int(amount) else 2
    return f"{amount:,.{digits}f} {told.currency}".strip()
