"""A contrast for the terminal: the answer first, then classes, applications, and what to doubt."""

from rich.console import Console
from rich.table import Table

from sim.recordings.contrast import Contrast, Figures, Pair
from sim.recordings.errand import off

FIGURES = ("in time", "served/s", "p50 ms", "p99 ms", "late", "tickets", "refused", "404", "others")


def show(console: Console, found: Contrast, names: tuple[str, str]) -> None:
    """`names`: of what stands before and after."""
    style = "bold red" if found.unserved or found.answer.startswith("WORSE") else "bold"
    console.print(found.answer, style=style, highlight=False, soft_wrap=True)
    if found.rerouted is not None:
        share = found.rerouted / max(found.requests, 1)
        console.print(f"{found.rerouted:,} of {found.requests:,} requests ({share:.1%}) have other rows")
    console.print(_classes(found, names))
    console.print(_shares(found, names))
    for note in found.notes:
        console.print(f"note: {note}", highlight=False, soft_wrap=True)


def _classes(found: Contrast, names: tuple[str, str]) -> Table:
    table = Table()
    for heading in ("class", "", "requests"):
        table.add_column(heading)
    for heading in FIGURES:
        table.add_column(heading, justify="right")
    for name, pair in found.classes.items():
        table.add_row(name, names[0], f"{pair.before.requests:,}", *_figures(pair.before))
        table.add_row("", names[1], "", *_figures(pair.after))
        table.add_row("", "change", "", *_changes(pair), end_section=True)
    return table


def _figures(each: Figures) -> list[str]:
    counts = (each.served - each.in_time, each.tickets, each.refused, each.unroutable, each.others)
    times = (f"{each.p50_ms:,.1f}", f"{each.p99_ms:,.1f}")
    return [
        f"{each.in_time_share:.2%}",
        f"{each.throughput:,.1f}",
        *times,
        *(f"{count:,}" for count in counts),
    ]


def _changes(pair: Pair) -> list[str]:
    one, two = pair.before, pair.after
    counts = (
        (two.served - two.in_time) - (one.served - one.in_time), two.tickets - one.tickets,
        two.refused - one.refused, two.unroutable - one.unroutable, two.others - one.others,
    )  # fmt: skip
    shares = (off(one.throughput, two.throughput), off(one.p50_ms, two.p50_ms), off(one.p99_ms, two.p99_ms))
    points = f"{(two.in_time_share - one.in_time_share) * 100:+.2f} points"
    return [points, *(f"{share:+.1%}" for share in shares), *(f"{count:+,}" for count in counts)]


def _shares(found: Contrast, names: tuple[str, str]) -> Table:
    table = Table()
    table.add_column("application")
    for heading in (*(f"answers, {name}" for name in names), "change", *(f"calls, {name}" for name in names)):
        table.add_column(heading, justify="right")
    for each in found.shares:
        table.add_row(
            each.application,
            f"{each.before:.2%}",
            f"{each.after:.2%}",
            f"{(each.after - each.before) * 100:+.2f} points",
            f"{each.calls_before:,}",
            f"{each.calls_after:,}",
        )
    return table
