"""A calibration on the terminal: a line for each step, then the words for the table."""

from rich.console import Console
from rich.table import Table

from sim.calibrate.calibration import Calibration
from sim.calibrate.level import Level
from sim.calibrate.sustained import Trial

_LEVELS = ("concurrency", "good/s", "mean ms", "p50 ms", "p99 ms", "late", "failed", "power")
_TRIALS = ("% of it", "rate/s", "good", "p50 ms", "p99 ms", "late", "failed", "sustained")


def line(step: Level | Trial) -> str:
    """A step, while the next one runs."""
    if isinstance(step, Level):
        return f"concurrency {step.concurrency:>4}: {step.throughput:>8,.1f}/s, {step.mean_ms:,.1f} ms"
    kept = "sustained" if step.sustained else "not sustained"
    return f"rate {step.rate:>8,.1f}/s: {step.good:,} of {step.arrivals:,} in time, {kept}"


def yaml_of(found: Calibration) -> str:
    """What an application of a routing table takes."""
    lines = [f"concurrency: {found.concurrency}"]
    if found.rate:
        lines.append(f"rate: {_short(found.rate)}")
    return "\n".join(lines)


def print_tables(console: Console, found: Calibration) -> None:
    """Every step, by concurrency and by rate."""
    table = _table("by concurrency; the knee is where throughput / latency is greatest", _LEVELS)
    for level in sorted(found.levels, key=lambda each: each.concurrency):
        table.add_row(
            f"{level.concurrency}",
            *(f"{each:,.1f}" for each in (level.throughput, level.mean_ms, level.p50_ms, level.p99_ms)),
            *(f"{each:,}" for each in (level.late, level.failed)),
            f"{level.power:,.0f}",
            style="bold" if level.concurrency == found.concurrency else "",
        )
    console.print(table)
    table = _table(f"by rate; 99% within {found.deadline_ms:g} ms of the planned time are wanted", _TRIALS)
    for trial in sorted(found.trials, key=lambda each: each.percent):
        table.add_row(
            f"{trial.percent}",
            f"{trial.rate:,.1f}",
            f"{trial.good / max(1, trial.arrivals):.1%}",
            *(f"{each:,.1f}" for each in (trial.p50_ms, trial.p99_ms)),
            *(f"{each:,}" for each in (trial.late, trial.failed)),
            "yes" if trial.sustained else "no",
        )
    console.print(table)
    for note in found.notes:
        console.print(note, style="yellow", highlight=False)
    if not found.rate:
        console.print(
            f"no rate is sustained within {found.deadline_ms:g} ms", style="yellow", highlight=False
        )


def _table(title: str, names: tuple[str, ...]) -> Table:
    table = Table(title=title, title_justify="left")
    for name in names:
        table.add_column(name, justify="right")
    return table


def _short(rate: float) -> str:
    """Three digits: more would claim what was not measured."""
    return f"{float(f'{rate:.3g}'):g}"
