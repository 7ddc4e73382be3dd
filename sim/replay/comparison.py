"""Two replays laid over each other, as a page: figures side by side, curves in one picture. Pure."""

from collections.abc import Mapping
from html import escape

from sim.replay.charts import Chart
from sim.replay.likeness import HEADER, likeness_of
from sim.replay.outcome import Outcome
from sim.replay.page import document, rates, times
from sim.replay.tables import table
from sim.replay.threshold import ALL

COUNTED = ("late", "deferred", "refused", "lost")
FIGURES = ("goodput", "late", "deferred", "refused", "lost", "p50", "p99", "p99.9", "max")


def comparison(first: Outcome, second: Outcome) -> str:
    """The page's text; A is the first."""
    names = [name for name in first.classes if name in second.classes]
    parts = [_head(first, second), _likeness(first, second)]
    parts += [
        f"<h2>{escape(name)}</h2>{_rows(_figures(first, name), _figures(second, name))}" for name in names
    ]
    charts = [chart for name in names for chart in _charts(name, first, second)]
    parts += [f"<figure>{chart.svg(number)}</figure>" for number, chart in enumerate(charts)]
    return document(f"{first.name} and {second.name}", "\n".join(parts))


def _head(first: Outcome, second: Outcome) -> str:
    rows = [
        (
            key,
            each.verdict,
            each.name,
            "live" if each.simulated is None else "simulated",
            f"{each.began} UTC",
            f"{each.seconds:g}",
            f"{each.scale:g}",
            str(each.seed),
        )
        for key, each in (("A", first), ("B", second))
    ]
    kinds = [each.verdict.lower() for each in (first, second)]
    unlike = [
        what for what in ("name", "scale", "seed", "seconds") if getattr(first, what) != getattr(second, what)
    ]
    warning = f"<p>The runs differ in {', '.join(unlike)}.</p>" if unlike else ""
    left = sorted(set(first.classes) ^ set(second.classes))
    alone = f"<p>Classes of one run only: {escape(', '.join(left))}.</p>" if left else ""
    header = ("", "verdict", "plan", "time", "began", "seconds", "scale", "seed")
    return f"<h1>Two replays: A and B</h1>{table(header, rows, kinds)}{warning}{alone}"


def _likeness(first: Outcome, second: Outcome) -> str:
    """The signed errors, where one of the two is the other in virtual time."""
    rows = likeness_of(first, second)
    if not rows:
        return ""
    missed = [each for each in rows if each.within is False]
    judged = sum(each.within is not None for each in rows)
    kinds = [{True: "met", False: "missed", None: ""}[each.within] for each in rows]
    cells = [(each.shown[-1], *each.shown[:-1]) for each in rows]
    said = f"{len(missed)} of {judged} judged figures are too far apart." if judged else "Nothing is judged."
    return f"<h2>Simulated beside live</h2><p>{said}</p>" + table(("", *HEADER[:-1]), cells, kinds)


def _figures(outcome: Outcome, name: str) -> dict[str, float]:
    """Of a class, with counts of the whole night."""
    found = outcome.classes[name].figures.by_name()
    return {**found, **{each: found[each] * outcome.weight for each in COUNTED}}


def _rows(one: Mapping[str, float], two: Mapping[str, float]) -> str:
    rows = []
    for name in FIGURES:
        share = name == "goodput"
        unit = "" if share or name in COUNTED else " ms"
        shown = [f"{each[name]:.3%}" if share else f"{each[name]:,.6g}{unit}" for each in (one, two)]
        change = two[name] - one[name]
        told = f"{change * 100:+.3f} points" if share else f"{change:+,.6g}{unit}"
        rows.append((name, *shown, told))
    return table(("", "A", "B", "B less A"), rows)


def _charts(name: str, first: Outcome, second: Outcome) -> list[Chart]:
    good = Chart(f"Good answers, {name}", "requests / s")
    slow = Chart(f"p99, {name}", "ms, from the planned time", log=True)
    for key, outcome, colour in (("A", first, "first"), ("B", second, "second")):
        course = outcome.classes[name].course
        if name == ALL:
            good.line(
                times(course), rates(course, course.arrivals, outcome.weight), f"{key}, planned", colour, ":"
            )
        good.line(times(course), rates(course, course.good, outcome.weight), f"{key}, good", colour)
        seen = [place for place, value in enumerate(course.p99_ms) if value > 0]
        slow.line([times(course)[each] for each in seen], [course.p99_ms[each] for each in seen], key, colour)
    return [good, slow]
