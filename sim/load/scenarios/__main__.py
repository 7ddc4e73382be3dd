"""`python -m sim.load.scenarios`: the live scenarios. Exit 0 met, 99 lines missed, 98 a run was invalid."""

import argparse
import sys
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import msgspec
import uvloop
from rich.console import Console
from rich.table import Table

from proxy.errors import PenstockError
from sim.load.report import generator_line
from sim.load.scenarios.catalog import SCENARIOS
from sim.load.scenarios.measures import Figures, Judged, Seen, figures_of, judge, measures_of
from sim.load.scenarios.scenario import Scenario
from sim.load.scenarios.stage import Stage
from sim.story.children import DidNotStart

MET, FAILED, INVALID, MISSED = 0, 1, 98, 99
WIDTH = 120
SAID_LINES_MAX = 20


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One scenario in the JSON file."""

    scenario: str
    seed: int
    figures: Figures
    measures: dict[str, float]
    lines: list[Judged]
    invalid: list[str]

    @property
    def status(self) -> int:
        """As the exit status has it."""
        if self.invalid:
            return INVALID
        return MET if all(each.passed for each in self.lines) else MISSED


def main(arguments: Sequence[str]) -> int:
    """Play them one after another, print each, write the file that was asked for."""
    options = _options(arguments)
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    told: list[Told] = []
    for scenario in options.scenarios:
        try:
            told.append(_play(scenario, options.seed, console))
        except (PenstockError, DidNotStart) as error:
            console.print(f"{scenario.name} could not be played: {error}", style="red", markup=False)
            return FAILED
    if options.json is not None:
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode(told)) + b"\n")
    statuses = {each.status for each in told}
    return INVALID if INVALID in statuses else max(statuses, default=MET)


def _play(scenario: Scenario, seed: int, console: Console) -> Told:
    console.print(f"\n{scenario.name}: {scenario.about}", style="bold", highlight=False)
    said: deque[str] = deque(maxlen=SAID_LINES_MAX)  # by the proxy; wanted where it does not start
    try:
        seen = uvloop.run(Stage(scenario, seed, said.append).play())
    except DidNotStart:
        for line in said:
            console.print(line, style="dim", markup=False)
        raise
    measures = measures_of(scenario, seen)
    told = Told(
        scenario=scenario.name,
        seed=seed,
        figures=figures_of(seen.result),
        measures=measures,
        lines=judge(scenario, measures),
        invalid=seen.result.invalid + ([] if seen.direct is None else seen.direct.invalid),
    )
    _print(console, told, seen)
    return told


def _print(console: Console, told: Told, seen: Seen) -> None:
    table = Table()
    for name in ("class", "arrivals", "good", "late", "tickets", "failed", "p50 ms", "p99 ms"):
        table.add_column(name, justify="left" if name == "class" else "right")
    for name, each in told.figures.classes.items():
        counts = (each.arrivals, each.good, each.late, each.tickets, each.failed)
        table.add_row(name, *(f"{count:,}" for count in counts), f"{each.p50_ms:.1f}", f"{each.p99_ms:.1f}")
    console.print(table)
    console.print(f"good answers a second: {told.figures.throughput:,.1f}", highlight=False)
    console.print(generator_line(seen.result.generator), highlight=False)
    calls = ", ".join(f"{name} {count:,}" for name, count in seen.calls.items())
    console.print(f"calls received, tickets' later tries too: {calls}", highlight=False)
    for judged in told.lines:
        console.print(_judged(judged), style="green" if judged.passed else "red", highlight=False)
    for complaint in told.invalid:
        console.print(f"INVALID: {complaint}", style="red", highlight=False)


def _judged(judged: Judged) -> str:
    line = judged.line
    bounds = (("at least", line.least), ("at most", line.most))
    bound = " ".join(f"{word} {value:g}" for word, value in bounds if value is not None)
    value = "unknown" if judged.value is None else f"{judged.value:.4g}"
    return f"{'met   ' if judged.passed else 'MISSED'} {line.says}: {value} ({bound})"


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sim.load.scenarios", description=__doc__)
    names = [scenario.name for scenario in SCENARIOS]
    parser.add_argument("--only", action="append", choices=names, help="may be given often")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    options = parser.parse_args(arguments)
    options.scenarios = [each for each in SCENARIOS if not options.only or each.name in options.only]
    return options


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
