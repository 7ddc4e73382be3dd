"""The report as Markdown that reads well on a terminal too. Pure."""

from collections.abc import Sequence

from sim.world.report import LimiterReport, LineReport, Report, ScenarioReport

NUMBERS_MAX = 12
"""More seeds than this are told by their mean and interval alone."""


def markdown(report: Report) -> str:
    """A part per scenario: its lines with each seed's figure, then the classes under each limiter."""
    size = ", at full size" if report.full else ""
    passed = len(report.scenarios) - len(report.failed)
    verdict = f"{passed} of {len(report.scenarios)} scenarios pass"
    if report.failed:
        verdict += f"; not: {', '.join(report.failed)}"
    parts = [f"# Scenarios in virtual time, {len(report.seeds)} seeds{size}", ""]
    parts += [
        "Mean ± the 95% interval of the mean (Student's t); a line holds when it holds in every seed.",
        "",
    ]
    for scenario in report.scenarios:
        parts += _scenario(scenario)
    return "\n".join([*parts, verdict])


def _scenario(scenario: ScenarioReport) -> list[str]:
    held = "passes" if scenario.passes else "FAILS"
    parts = [f"## {scenario.name}: {held}", "", scenario.about, ""]
    parts += _table(("line", "limits", "holds", "mean", "by seed"), _lines(scenario.limiters))
    parts += _table(("class", "limits", "orders", "good", "p50 ms", "p99 ms", "verdicts"), _classes(scenario))
    for each in scenario.limiters:
        if each.broken:
            parts.append(f"{each.limiter} breaks {', '.join(each.broken)}")
    own = scenario.limiters[0]
    ran = f"{own.limiter}: {own.requests:,} requests in {own.took_s:.1f} s, {own.memory_mb:,.0f} MB at most"
    return [*parts, f"{ran}; seed 1 is {own.digests[0]}", ""]


def _lines(limiters: Sequence[LimiterReport]) -> list[tuple[str, ...]]:
    """Line by line, the limiters under each other."""
    places = range(len(limiters[0].lines))
    return [_line(each.limiter, each.lines[place]) for place in places for each in limiters]


def _line(limiter: str, line: LineReport) -> tuple[str, ...]:
    values = line.value.values
    by_seed = " ".join(f"{value:.4g}" for value in values) if len(values) <= NUMBERS_MAX else ""
    return line.what, limiter, "yes" if line.holds else "NO", str(line.value), by_seed


def _classes(scenario: ScenarioReport) -> list[tuple[str, ...]]:
    names = sorted({name for each in scenario.limiters for name in each.classes})
    rows = []
    for name in names:
        for each in scenario.limiters:
            found = each.classes.get(name)
            if found is not None:
                figures = (found.orders, found.goodput, found.p50_ms, found.p99_ms)
                verdicts = ", ".join(f"{verdict} {count:.4g}" for verdict, count in found.verdicts.items())
                rows.append((name, each.limiter, *map(str, figures), verdicts))
    return rows


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]

    def line(cells: tuple[str, ...]) -> str:
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"

    return [line(heads), "|" + "|".join("-" * (width + 2) for width in widths) + "|", *map(line, rows), ""]
