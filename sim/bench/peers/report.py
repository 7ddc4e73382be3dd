"""The report on the terminal: a table per case, what each peer does and lacks, and all that went wrong.

In the tables: medians of the rounds, and the lowest and the highest round (min–max); answers per second with
2xx, ×: that over the named peer's, CPU: the peer's processor time per request (the steadiest figure on a busy
machine), core and others: who used the peer's core, lag: how late the generator itself was, +: over `direct`.
"""

from collections.abc import Callable, Mapping, Sequence

import msgspec
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from sim.bench.peers.case import Case, Kind
from sim.bench.peers.comparison import comparisons, cost_of_rows
from sim.bench.peers.contest import VARIANT
from sim.bench.peers.summary import Spread, Summary

COMPARED = {"envoy": "envoy", "haproxy": "haproxy", "aiohttp-relay": "relay"}
"""Peers that have a column of ratios in the tables, and how it is headed."""

Cell = Callable[[Summary], str]


class About(msgspec.Struct, frozen=True, kw_only=True):
    """A peer as the report names it. `missing` says how to install it; empty = it is here."""

    name: str
    version: str
    does: str
    lacks: str
    missing: str = ""
    left_out: Mapping[str, str] = {}  # cases, and why it is not in them


def print_report(
    console: Console,
    cases: Sequence[Case],
    abouts: Sequence[About],
    summaries: Sequence[Summary],
    failures: Sequence[str],
) -> None:
    """Print everything."""
    found = {(summary.case, summary.peer): summary for summary in summaries}
    for case in cases:
        mine = [found[case.name, about.name] for about in abouts if (case.name, about.name) in found]
        console.print(case_table(case, mine))
        lines = [line for summary in mine for line in comparisons(summary)] if compared(case) else []
        for line in [*lines, *cost_of_rows(mine)]:
            _say(console, f"  {line}", "cyan")
        for about in abouts:
            why = why_not(about, case, found.get((case.name, about.name)))
            if why:
                _say(console, f"  {about.name}: {why}", "red" if about.missing else "dim")
        console.print()
    _print_peers(console, abouts)
    for line in troubles(summaries):
        _say(console, line, "red")
    for failure in failures:
        _say(console, f"FAILED: {failure}", "bold red")
    for line in doubts(summaries):
        _say(console, line, "yellow")


def case_table(case: Case, summaries: Sequence[Summary]) -> Table:
    """One case: a row per peer that was measured."""
    columns = COLUMNS[case.kind]
    table = Table(title=f"{case.name}: {case.title}", title_justify="left", title_style="bold", box=SIMPLE)
    table.add_column("peer", no_wrap=True)
    for heading in columns:
        table.add_column(heading, justify="right", no_wrap=True)
    for summary in summaries:
        style = "red" if summary.trouble else None
        table.add_row(summary.peer, *(cell(summary) for cell in columns.values()), style=style)
    return table


def compared(case: Case) -> bool:
    """Whether its speeds say something: a constant rate is the same for all."""
    return case.kind is Kind.SATURATED


def why_not(about: About, case: Case, summary: Summary | None) -> str:
    """Why a peer has no row in a case's table; empty where it has one, or is a variant of one that has."""
    if summary is not None:
        return ""
    if about.missing:
        return f"MISSING, {about.missing}"
    why = about.left_out.get(case.name, "not measured: see FAILED below")
    return "" if why == VARIANT else f"left out: {why}"


def troubles(summaries: Sequence[Summary]) -> list[str]:
    """A line for each peer and case in which anything but 2xx came."""
    return [
        f"TROUBLE: {each.peer}, {each.case}: {each.trouble} ({each.errors:,} errors in {each.rounds} rounds)"
        for each in summaries
        if each.trouble
    ]


def doubts(summaries: Sequence[Summary]) -> list[str]:
    """A line for each peer and case whose figures may say little."""
    return [
        f"doubtful: {each.peer}, {each.case}: {each.doubt} ({each.doubts} of {each.turns} turns)"
        for each in summaries
        if each.doubt
    ]


def _say(console: Console, text: str, style: str) -> None:
    console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)


def _rate(summary: Summary) -> str:
    return _plain(summary.per_s, "{:,.0f}")


def _range(spread: Spread | None) -> str:
    return "-" if spread is None else f"{spread.low:,.0f}–{spread.high:,.0f}"


def _plain(spread: Spread | None, form: str, scale: float = 1.0) -> str:
    return "-" if spread is None else form.format(spread.median * scale)


def _added(spread: Spread | None) -> str:
    return "-" if spread is None else f"{spread.median:+.2f} ({spread.low:+.2f} to {spread.high:+.2f})"


def _times(summary: Summary, other: str) -> str:
    ratio = summary.ratios.get(other)
    return "-" if ratio is None else f"{ratio.median:.2f}"


def _columns_of_ratios() -> dict[str, Cell]:
    return {f"×{heading}": (lambda s, o=other: _times(s, o)) for other, heading in COMPARED.items()}  # type: ignore[misc]


_USE: dict[str, Cell] = {
    "CPU µs": lambda s: _plain(s.cpu_us, "{:.1f}"),
    "core %": lambda s: _plain(s.busy, "{:.0f}", 100),
    "others %": lambda s: _plain(s.others, "{:.0f}", 100),
    "errors": lambda s: f"{s.errors:,}",
}

COLUMNS: dict[Kind, dict[str, Cell]] = {
    Kind.SATURATED: {
        "answers/s": _rate,
        "min–max": lambda s: _range(s.per_s),
        "p50 ms": lambda s: _plain(s.p50_ms, "{:.2f}"),
        "p99 ms": lambda s: _plain(s.p99_ms, "{:.2f}"),
        **_columns_of_ratios(),
        **_USE,
    },
    Kind.OPEN: {
        "p50 ms": lambda s: _plain(s.p50_ms, "{:.2f}"),
        "p99 ms": lambda s: _plain(s.p99_ms, "{:.2f}"),
        "p99.9 ms": lambda s: _plain(s.p999_ms, "{:.2f}"),
        "+p50 (min to max)": lambda s: _added(s.added_p50_ms),
        "+p99 (min to max)": lambda s: _added(s.added_p99_ms),
        "+p99.9 (min to max)": lambda s: _added(s.added_p999_ms),
        "lag ms": lambda s: _plain(s.lag_ms, "{:.2f}"),
        **_USE,
    },
    Kind.IDLE: {
        "bytes a connection": lambda s: _plain(s.connection_bytes, "{:,.0f}"),
        "min–max": lambda s: _range(s.connection_bytes),
        "errors": lambda s: f"{s.errors:,}",
    },
}


def _print_peers(console: Console, abouts: Sequence[About]) -> None:
    table = Table(title="what each does of the job", title_justify="left", title_style="bold", box=SIMPLE)
    for heading in ("peer", "version", "does", "lacks"):
        table.add_column(heading)
    for about in abouts:
        version = f"MISSING: {about.missing}" if about.missing else about.version
        table.add_row(about.name, version, about.does, about.lacks, style="red" if about.missing else None)
    console.print(table)
