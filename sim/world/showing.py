"""Runs the scenarios, with the proxy's own permits and with the baselines', and prints lines and figures."""

import statistics

from sim.world.baselines import BASELINES
from sim.world.scenario import Line, Run, Scenario
from sim.world.scenarios import SCENARIOS

OWN = "penstock"


def show(only: str, seeds: int, baselines: bool) -> int:
    """0 when every line of every scenario holds with the proxy's own permits."""
    chosen = [each for each in SCENARIOS if only in ("", each.name)]
    if not chosen:
        print(f"no scenario '{only}'; there are: {', '.join(each.name for each in SCENARIOS)}")
        return 2
    failed = []
    for scenario in chosen:
        names = list(BASELINES) if baselines else [OWN]
        held = {name: _show(scenario, name, seeds) for name in names}
        if not held[OWN]:
            failed.append(scenario.name)
    print(f"{len(chosen) - len(failed)} of {len(chosen)} scenarios pass", end="")
    print(f"; not: {', '.join(failed)}" if failed else "")
    return bool(failed)


def _show(scenario: Scenario, name: str, seeds: int) -> bool:
    permits_of = BASELINES[name]
    runs, lines = [], []
    for seed in range(1, seeds + 1):
        run = Run(scenario.plan, seed, permits_of)
        beside = None if scenario.beside is None else Run(scenario.beside, seed, permits_of)
        runs.append(run)
        lines.append(scenario.judge(run, beside))
    violated = sorted({each.rule for run in runs for each in run.violations})
    holds = not violated and all(line.holds for each in lines for line in each)
    print(f"{scenario.name} ({name}, {seeds} seeds): {'passes' if holds else 'FAILS'}")
    for same in zip(*lines, strict=True):
        print(f"    {_told(same)}")
    for class_name in sorted({each for run in runs for each in run.tally.classes}):
        print(f"    {_figures(class_name, runs)}")
    if violated:
        print(f"    breaks {', '.join(violated)}")
    print(f"    digest of seed 1: {runs[0].world.history.digest()}", flush=True)
    return holds


def _told(lines: tuple[Line, ...]) -> str:
    """One line over all seeds."""
    values = [line.value for line in lines]
    mark = "ok  " if all(line.holds for line in lines) else "FAIL"
    return f"{mark} {lines[0].what}: {_spread(values)}"


def _figures(class_name: str, runs: list[Run]) -> str:
    """Goodput and latency of a class."""
    good = [run.goodput(class_name) for run in runs]
    p99_ms = [1000 * run.of(class_name).latency_s(0.99) for run in runs]
    orders = statistics.mean(run.of(class_name).orders for run in runs)
    return f"     {class_name}: {orders:.0f} orders, good {_spread(good)}, p99 {_spread(p99_ms)} ms"


def _spread(values: list[float]) -> str:
    """Mean and the seeds' extremes."""
    if min(values) == max(values):
        return f"{values[0]:.4g}"
    return f"{statistics.mean(values):.4g} ({min(values):.4g} to {max(values):.4g})"
