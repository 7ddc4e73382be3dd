"""A result on the terminal: a table of classes, and how the generator did."""

from rich.console import Console
from rich.table import Table

from sim.load.result import GeneratorResult, Result

_RIGHT = ("arrivals", "good", "late", "tickets", "failed", "p50 ms", "p99 ms", "p99.9 ms", "max ms", "good/s")


def print_result(console: Console, result: Result) -> None:
    """All of it, but for the course of time."""
    table = Table(title=f"{result.seconds:g} s, seed {result.seed}", title_justify="left")
    table.add_column("class")
    for name in _RIGHT:
        table.add_column(name, justify="right")
    table.add_column("ends")
    for name, each in result.classes.items():
        latency = each.latency
        table.add_row(
            name,
            *(f"{count:,}" for count in (each.arrivals, each.good, each.late, each.tickets, each.failed)),
            *(
                f"{ms:.1f}"
                for ms in (latency.p50_ms, latency.p99_ms, latency.p999_ms, latency.max_ms, each.throughput)
            ),
            ", ".join(f"{end}: {count:,}" for end, count in each.ends.items()),
        )
    console.print(table)
    console.print(generator_line(result.generator), highlight=False)
    for complaint in result.invalid:
        console.print(f"INVALID: {complaint}", style="red", highlight=False)


def generator_line(generator: GeneratorResult) -> str:
    """How the schedule was kept, in one line."""
    lag, delay = generator.lag, generator.delay
    return (
        f"generator: {generator.sent_rate:,.0f}/s of {generator.planned_rate:,.0f}/s planned;"
        f" lag p50 {lag.p50_ms:.2f}, p99 {lag.p99_ms:.2f}, max {lag.max_ms:.1f} ms;"
        f" planned to sent p50 {delay.p50_ms:.2f}, p99 {delay.p99_ms:.2f}, max {delay.max_ms:.1f} ms"
    )
