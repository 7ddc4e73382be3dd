"""A scenario's run on the terminal, and all seeds' runs of one scenario together."""

import statistics
from collections.abc import Sequence

import msgspec
from rich.console import Console
from rich.table import Table

from sim.load.report import generator_line
from sim.load.scenarios.measures import Figures, Judged, Seen

MET, INVALID, MISSED = 0, 98, 99


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a scenario, as the JSON file has it."""

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


def print_run(console: Console, told: Told, seen: Seen) -> None:
    """Figures by class, how the generator did, each pass line."""
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
        console.print(judged_line(judged), style="green" if judged.passed else "red", highlight=False)
    for complaint in told.invalid:
        console.print(f"INVALID: {complaint}", style="red", highlight=False)


def judged_line(judged: Judged) -> str:
    """A pass line, met or missed."""
    value = "unknown" if judged.value is None else f"{judged.value:.4g}"
    return f"{'met   ' if judged.passed else 'MISSED'} {judged.line.says}: {value} ({_bounds(judged)})"


def print_seeds(console: Console, runs: Sequence[Told]) -> None:
    """Of one scenario: each line's least, median and greatest value over the valid runs."""
    valid = [run for run in runs if not run.invalid]
    console.print(f"{len(runs)} seeds, {len(runs) - len(valid)} of the runs invalid", highlight=False)
    for group in zip(*(run.lines for run in valid), strict=True):
        console.print(spread_line(group), highlight=False)


def spread_line(group: Sequence[Judged]) -> str:
    """One pass line over several runs."""
    values = [each.value for each in group if each.value is not None]
    spread = "unknown"
    if values:
        spread = f"{statistics.median(values):.4g} [{min(values):.4g} to {max(values):.4g}]"
    met = sum(each.passed for each in group)
    return f"{group[0].line.says}: {spread} ({_bounds(group[0])}), met in {met} of {len(group)}"


def _bounds(judged: Judged) -> str:
    bounds = (("at least", judged.line.least), ("at most", judged.line.most))
    return " ".join(f"{word} {value:g}" for word, value in bounds if value is not None)
