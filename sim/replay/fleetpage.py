"""What a page tells of a run in virtual time: how many machines, what they cost, who used them. Pure.

Empty for a live run, which knows neither machines nor prices.
"""

from html import escape

from sim.replay.answer import money
from sim.replay.charts import SERIES, Chart
from sim.replay.outcome import Outcome
from sim.replay.simulated import PoolTold, Simulated, counted
from sim.replay.tables import table

NAMED_SHARE = 0.12
"""A class with less of the cost has no name in the bar; it stands in the table."""


def fleet_tiles(outcome: Outcome) -> list[tuple[str, str]]:
    """Figures and what they are."""
    told = outcome.simulated
    if told is None:
        return []
    tiles = [
        (
            f"{each.busy_peak:.0%} busy",
            f"{each.name} at its busiest second: {counted(each.machines)} machines",
        )
        for each in told.pools[:3]
    ]
    if told.cost:
        tiles.append((money(told.cost, told), f"machines for {told.hours:,.3g} h"))
    return tiles


def fleet_section(outcome: Outcome) -> str:
    """Pools, cost by class, and how the size was found."""
    told = outcome.simulated
    if told is None:
        return ""
    said = [told.says, f"Assumed: {told.assumed}" if told.assumed else ""]
    parts = [
        f"<h2>Machines: {escape(told.fleet)}</h2>",
        f"<p class=faint>{escape('. '.join(each for each in said if each))}.</p>",
        _pools(told),
        _cost(told) if told.cost else "",
        _trials(told),
    ]
    return "".join(parts)


def busy_charts(outcome: Outcome) -> list[Chart]:
    """How much of each pool was at work, where that is known."""
    told = outcome.simulated
    if told is None:
        return []
    titles = {each.application: each.name for each in told.pools}
    names = sorted({name for each in outcome.samples for name in each.busy})
    if not names:
        return []
    chart = Chart("Machines at work: slots in service, by pool", "% of slots")
    at = [each.at_s for each in outcome.samples]
    for name, colour in zip(names, SERIES, strict=False):
        busy = [100 * each.busy.get(name, 0.0) for each in outcome.samples]
        chart.line(at, busy, titles.get(name, name), colour)
    chart.axes.set_ylim(0, 105)
    return [chart]


def _pools(told: Simulated) -> str:
    header = (
        "pool",
        "machines",
        "slots each",
        "requests/s at most",
        "busy",
        "busiest",
        "machine hour",
        "cost",
    )
    rows = [
        (
            each.name, counted(each.machines), f"{each.slots:,}", f"{each.full_rate:,.0f}",
            f"{each.busy:.0%}", f"{each.busy_peak:.0%}", money(each.hourly, told), money(each.cost, told),
        )
        for each in told.pools
    ]  # fmt: skip
    return table(header, rows, [_strain(each) for each in told.pools])


def _strain(pool: PoolTold) -> str:
    return "missed" if pool.busy_peak > 0.99 else ""


def _cost(told: Simulated) -> str:
    header = ("class", "share of busy time", "cost", "per 1,000 requests")
    rows = [
        (
            each.name,
            f"{each.share:.1%}",
            money(each.cost, told),
            f"{each.per_thousand:,.4g} {told.currency}".strip(),
        )
        for each in told.classes
    ]
    spans = ""
    for each, colour in zip(told.classes, SERIES, strict=False):
        share = each.cost / told.cost
        name = f"{escape(each.name)} {share:.0%}" if share > NAMED_SHARE else ""
        spans += f'<span style="width:{share:.2%};background:var(--{colour})">{name}</span>'
    return (
        f"<h2>Cost of the night: {money(told.cost, told)}</h2>"
        f"<p class=faint>Machines for {told.hours:,.3g} h, busy or not. Each class bears a pool's cost by"
        " its share of the pool's busy time; idle time is shared the same way. Per 1,000 requests: for the"
        f" time that the plan lasts.</p><div class=bar>{spans}</div>{table(header, rows)}"
    )


def _trials(told: Simulated) -> str:
    if not told.sizing:
        return ""
    rows, kinds = [], []
    for sizing in told.sizing:
        for each in sorted(sizing.trials, key=lambda trial: trial.machines):
            rows.append((
                "met" if each.met else "MISSED", sizing.name, counted(each.machines),
                f"{each.deferred:.1%}", "; ".join(each.missed[:3]),
            ))  # fmt: skip
            kinds.append("met" if each.met else "missed")
    within = ", ".join(f"{each.name} within {counted(each.within)} machines" for each in told.sizing)
    return (
        "<h2>How the size was found</h2><p class=faint>One schedule, more and fewer machines; the table's"
        f" limits grow with them. The search is as fine as this: {within}.</p>"
        + table(("", "pool", "machines", "deferred", "missed"), rows, kinds)
    )
