"""The figures as Markdown tables, for a README: speeds, ratios, latency at a constant rate, who does what."""

from collections.abc import Callable, Sequence

from sim.bench.peers.case import Case, Kind
from sim.bench.peers.comparison import OURS, cost_of_rows, times
from sim.bench.peers.contest import VARIANT
from sim.bench.peers.report import About, compared
from sim.bench.peers.summary import REFERENCES, Spread, Summary

Found = dict[tuple[str, str], Summary]
"""By case and peer."""


def markdown(
    cases: Sequence[Case], abouts: Sequence[About], summaries: Sequence[Summary], failures: Sequence[str]
) -> str:
    """All tables. Nothing that was not measured is left out without a word."""
    found = {(summary.case, summary.peer): summary for summary in summaries}
    parts = [
        _speeds(cases, abouts, found),
        *(_ratios(cases, found, peer) for peer in OURS),
        "\n".join(f"- {line}" for line in cost_of_rows(summaries)),
        *(_latencies(case, abouts, found) for case in cases if case.kind is Kind.OPEN),
        _jobs(abouts),
        "\n".join(f"- FAILED: {failure}" for failure in failures),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The first column to the left, the others to the right; empty where there are no rows."""
    if not rows:
        return ""
    rule = [":--", *["--:"] * (len(headings) - 1)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (headings, rule, *rows))


def spread_text(spread: Spread | None, form: Callable[[float], str]) -> str:
    """The median, and the rounds' range in parentheses."""
    return "–" if spread is None else f"{form(spread.median)} ({form(spread.low)}–{form(spread.high)})"


def _speeds(cases: Sequence[Case], abouts: Sequence[About], found: Found) -> str:
    """A row per peer, a column per case, but for the constant rate."""
    shown = [case for case in cases if case.kind is not Kind.OPEN]
    rows = [[about.name, *(_cell(about, case, found) for case in shown)] for about in abouts]
    return table(["answers/s", *(_heading(case) for case in shown)], rows) if shown else ""


def _heading(case: Case) -> str:
    return f"{case.name}, KiB each" if case.kind is Kind.IDLE else case.name


def _cell(about: About, case: Case, found: Found) -> str:
    summary = found.get((case.name, about.name))
    if summary is None:
        if about.missing:
            return "MISSING"
        why = about.left_out.get(case.name)
        return "FAILED" if why is None else "" if why == VARIANT else "–"
    if case.kind is Kind.IDLE:
        text = spread_text(summary.connection_bytes, lambda each: f"{each / 1024:.1f}")
    else:
        text = spread_text(summary.per_s, lambda each: f"{each:,.0f}")
    return f"{text} ({summary.errors:,} errors)" if summary.errors else text


def _ratios(cases: Sequence[Case], found: Found, peer: str) -> str:
    """One of ours over each reference: a row per saturated case."""
    mine = [(case, found[case.name, peer]) for case in cases if compared(case) and (case.name, peer) in found]
    known = [name for name in REFERENCES if any(name in summary.ratios for _, summary in mine)]
    rows = [[case.title, *(times(summary.ratios.get(name)) for name in known)] for case, summary in mine]
    return table([f"`{peer}`, answers/s over those of", *known], rows) if known else ""


def _latencies(case: Case, abouts: Sequence[About], found: Found) -> str:
    rows = []
    for about in abouts:
        summary = found.get((case.name, about.name))
        if summary is not None:
            plain = (summary.p50_ms, summary.p99_ms, summary.p999_ms)
            added = (summary.added_p50_ms, summary.added_p99_ms, summary.added_p999_ms)
            rows.append(
                [
                    about.name,
                    *("–" if each is None else f"{each.median:.2f}" for each in plain),
                    *("–" if each is None else f"{each.median:+.2f}" for each in added),
                    "–" if added[1] is None else f"{added[1].low:+.2f} to {added[1].high:+.2f}",
                ]
            )
        elif about.missing:
            rows.append([about.name, *["MISSING"] * 7])
    headings = ("p50 ms", "p99 ms", "p99.9 ms", "added p50", "added p99", "added p99.9", "added p99, rounds")
    return table([case.title, *headings], rows)


def _jobs(abouts: Sequence[About]) -> str:
    rows = [
        (about.name, about.version or "–", about.does, about.lacks or "–")
        if not about.missing
        else (about.name, f"MISSING: {about.missing}", about.does, about.lacks or "–")
        for about in abouts
    ]
    return table(("peer", "version", "does", "lacks"), rows).replace("--:", ":--")
