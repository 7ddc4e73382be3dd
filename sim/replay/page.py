"""The report of one replay as a page: the verdict, why, the curves. One file, no network, no script."""

from collections.abc import Sequence
from html import escape
from importlib.resources import files
from itertools import pairwise

from sim.load.report import generator_line
from sim.replay.answer import answers
from sim.replay.charts import SERIES, Chart
from sim.replay.figures import Course, Figures
from sim.replay.fleetpage import busy_charts, fleet_section, fleet_tiles
from sim.replay.outcome import ClassTold, Outcome
from sim.replay.tables import table
from sim.replay.threshold import ALL

PARKED = "parked"
MARK_ROWS, LETTER_SHARE = 3, 0.0105
THOUSAND = 1_000.0
FATES = ("good", "late", "deferred", "refused", "lost")
TITLES = {
    "MET": "every threshold was met",
    "MISSED": "thresholds were missed",
    "INVALID": "the run proves nothing",
}


def page(outcome: Outcome) -> str:
    """The page's text."""
    whole = outcome.classes[ALL]
    charts = [_load(outcome), _fates(outcome), _latency(outcome), _losses(outcome), *_proxy(outcome)]
    body = [
        _head(outcome),
        _tiles(outcome, whole),
        _thresholds(outcome),
        fleet_section(outcome),
        _classes(outcome),
        *(f"<figure>{chart.svg(number)}</figure>" for number, chart in enumerate(charts)),
        _faults(outcome),
        _details(outcome),
    ]
    return document(f"{outcome.verdict}: {outcome.name}", "\n".join(body))


def document(title: str, body: str) -> str:
    """A whole page around it."""
    style = files("sim.replay").joinpath("page.css").read_text(encoding="utf-8")
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>\n'
        '<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">\n'
        f"<style>\n{style}</style></head>\n<body>\n{body}\n</body></html>\n"
    )


def times(course: Course) -> list[float]:
    """Where its bins begin, s."""
    return [number * course.bin_s for number in range(len(course.arrivals))]


def rates(course: Course, counts: Sequence[int], weight: int = 1) -> list[float]:
    """Counts of bins as rates per second; each that was counted stands for `weight`."""
    return [count * weight / course.bin_s for count in counts]


def _head(outcome: Outcome) -> str:
    why = [*outcome.invalid, *([outcome.aborted] if outcome.aborted else [])]
    why += [f"{each.of}: {each.text} (was {each.shown})" for each in outcome.judged if not each.met]
    reasons = "".join(f"<li>{escape(each)}</li>" for each in why)
    said = TITLES[outcome.verdict] if outcome.judged or outcome.exit_code else "no thresholds were stated"
    scale = f", scale {outcome.scale:g}" if outcome.scale != 1 else ""
    told = outcome.simulated
    answer = "".join(f'<p class="answer">{escape(line)}</p>' for line in answers(outcome))
    where = escape(outcome.target)
    if told is not None:
        part = f", one request in {told.sampled:,}" if told.sampled > 1 else ""
        where = f"simulated in {told.took_s:,.0f} s{part}"
    badge = "" if told is None else "<small>simulated</small>"
    return (
        f'<header class="{outcome.verdict.lower()}"><p class="verdict">{outcome.verdict}{badge}</p>'
        f"<div><h1>{escape(outcome.name)}: {said}</h1>{answer}<p>{escape(outcome.says)}</p>"
        f"<ul>{reasons}</ul><p class=faint>{outcome.began} UTC, {outcome.seconds:,.0f} s, {where}"
        f"{scale}, seed {outcome.seed}</p></div></header>"
    )


def _tiles(outcome: Outcome, whole: ClassTold) -> str:
    each, weight = whole.figures, outcome.weight
    arrivals = max(each.arrivals, 1)
    tiles = [
        (f"{each.good / arrivals:.2%}", f"goodput of {each.arrivals * weight:,} requests"),
        (f"{each.lost * weight:,}", "lost: no answer at all"),
        (f"{each.deferred / arrivals:.2%}", f"deferred: {each.deferred * weight:,} tickets"),
        (f"{each.latency_ms['p99']:,.1f} ms", _p99(outcome, each)),
        (_recovery(outcome, whole), "until good again after the spike"),
        *fleet_tiles(outcome),
    ]
    if outcome.generator is not None:
        lag = outcome.generator.delay
        tiles.append((f"{lag.p50_ms:.2f} / {lag.p99_ms:.2f} ms", "the generator: planned to sent, p50 / p99"))
    kind = "tiles" if outcome.simulated is None else "tiles four"
    return f'<section class="{kind}">' + "".join(
        f"<div><b>{escape(figure)}</b><span>{escape(what)}</span></div>" for figure, what in tiles
    ) + "</section>"  # fmt: skip


def _p99(outcome: Outcome, each: Figures) -> str:
    """In virtual time requests are sent as they are due."""
    sent = "" if outcome.simulated else f" ({each.service_ms['p99']:,.1f} from sent)"
    return f"p99 from the planned time{sent}"


def _recovery(outcome: Outcome, told: ClassTold) -> str:
    if outcome.spike_end_s is None:
        return "no spike"
    return "never" if told.recovery_s is None else f"{told.recovery_s:g} s"


def _thresholds(outcome: Outcome) -> str:
    if not outcome.judged:
        return ""
    rows = [
        (
            "met" if each.met else "MISSED", each.of, each.text, each.shown,
            f"{each.sample:,}" + ("" if each.believed else f" (too few: {each.sample_min:,} wanted)"),
        )
        for each in outcome.judged
    ]  # fmt: skip
    kinds = ["invalid" if not each.believed else "met" if each.met else "missed" for each in outcome.judged]
    return "<h2>Thresholds</h2>" + table(("", "class", "must be", "was", "answers"), rows, kinds)


def _classes(outcome: Outcome) -> str:
    live, weight = outcome.simulated is None, outcome.weight
    sent = ("p99 from sent",) if live else ()
    header = ("class", "arrivals", "goodput", *FATES[1:], "p50", "p99", "p99.9", "max", *sent, "recovery")
    rows = []
    for name, told in outcome.classes.items():
        each, latency = told.figures, told.figures.latency_ms
        deadline = f" (≤ {told.deadline_ms:g} ms)" if told.deadline_ms else ""
        rows.append((
            f"{name}{deadline}", f"{each.arrivals * weight:,}", f"{each.good / max(each.arrivals, 1):.2%}",
            *(f"{getattr(each, fate) * weight:,}" for fate in FATES[1:]),
            *(_ms(latency[share]) for share in ("p50", "p99", "p99.9", "max")),
            *((_ms(each.service_ms["p99"]),) if live else ()), _recovery(outcome, told),
        ))  # fmt: skip
    said = "Latency in ms, of answers, from the planned time."
    if weight > 1:
        said += f" Counts are of the whole night: each simulated request stands for {weight:,}."
    return f"<h2>Classes</h2><p class=faint>{said}</p>" + table(header, rows, kind="figures")


def _ms(value: float) -> str:
    return f"{value:,.1f}" if value < THOUSAND else f"{value:,.0f}"


def _marked(outcome: Outcome, chart: Chart) -> Chart:
    """Stages and faults, each name in the first line in which it covers no other."""
    marks = [(stage.from_s, stage.name) for stage in outcome.stages[1:]]
    marks += [(fault.began_s, f"! {fault.name}") for fault in outcome.faults]
    until_s = [-1.0] * MARK_ROWS
    for at_s, text in sorted(marks):
        row = next((row for row, until in enumerate(until_s) if until <= at_s), MARK_ROWS - 1)
        until_s[row] = at_s + outcome.seconds * LETTER_SHARE * (len(text) + 1)
        chart.mark(at_s, text, row)
    return chart


def _load(outcome: Outcome) -> Chart:
    course = outcome.classes[ALL].course
    chart = Chart("Load and good answers", "requests / s")
    at = times(course)
    chart.line(at, rates(course, course.arrivals, outcome.weight), "planned", "ink")
    chart.line(at, rates(course, course.good, outcome.weight), "good", "good")
    return _marked(outcome, chart)


def _fates(outcome: Outcome) -> Chart:
    """Where nothing was due, what became of the requests before."""
    course = outcome.classes[ALL].course
    chart = Chart("What became of the requests due at each time", "% of arrivals")
    filled = _filled(course)
    layers = {
        fate: [100 * getattr(course, fate)[at] / max(course.arrivals[at], 1) for at in filled]
        for fate in FATES
    }
    chart.stack(times(course), layers, FATES)
    chart.axes.set_ylim(0, 100)
    return chart


def _filled(course: Course) -> list[int]:
    """For each bin itself, or the last one before it in which anything was due."""
    found, last = [], 0
    for at, count in enumerate(course.arrivals):
        last = at if count else last
        found.append(last)
    return found


def _latency(outcome: Outcome) -> Chart:
    sent_too = "" if outcome.simulated else ", and from when it was sent"
    chart = Chart(
        f"Latency of answers, p99 by class: from the planned time{sent_too}",
        "ms",
        log=True,
        height=3.0,
    )
    named = [(name, told) for name, told in outcome.classes.items() if name != ALL]
    for (name, told), colour in zip(named, SERIES, strict=False):
        course = told.course
        seen = [place for place, value in enumerate(course.p99_ms) if value > 0]
        at = [times(course)[place] for place in seen]
        chart.line(at, [course.p99_ms[place] for place in seen], name, colour)
        if outcome.simulated is None:
            sent = [course.service_p99_ms[place] for place in seen]
            chart.line(at, sent, f"{name}, sent", colour, ":")
    for deadline_ms in sorted({told.deadline_ms for _, told in named}):
        chart.level(deadline_ms, f"deadline {deadline_ms:g} ms")
    return _marked(outcome, chart)


def _losses(outcome: Outcome) -> Chart:
    chart = Chart("Late, deferred, refused or lost, by class", "requests / s")
    named = [(name, told) for name, told in outcome.classes.items() if name != ALL]
    for (name, told), colour in zip(named, SERIES, strict=False):
        course = told.course
        bad = [all_ - good for all_, good in zip(course.arrivals, course.good, strict=True)]
        chart.line(times(course), rates(course, bad, outcome.weight), name, colour)
    return _marked(outcome, chart)


def _proxy(outcome: Outcome) -> list[Chart]:
    """Tier shares and the queue, where the proxy was looked at."""
    samples = outcome.samples
    if len(samples) < 2:
        return []
    names = sorted(
        {name for each in samples for name in each.requests}, key=lambda name: ("tier" not in name, name)
    )
    chart = Chart("Who answered: shares of tiers", "% of requests")
    pairs = list(pairwise(samples))
    ended = [
        [after.requests.get(name, 0) - before.requests.get(name, 0) for name in names]
        for before, after in pairs
    ]
    layers = {
        name: [100 * each[place] / max(sum(each), 1) for each in ended] for place, name in enumerate(names)
    }
    if names:
        chart.stack(
            [before.at_s for before, _ in pairs], layers, [_colour(name, at) for at, name in enumerate(names)]
        )
        chart.axes.set_ylim(0, 100)
    queue = Chart("Tickets in the queue", "tickets")
    statuses = sorted({name for sample in samples for name, count in sample.depth.items() if count})
    for status, colour in zip(statuses, SERIES, strict=False):
        queue.line(
            [each.at_s for each in samples],
            [each.depth.get(status, 0) * outcome.weight for each in samples],
            status,
            colour,
        )
    return [chart, _marked(outcome, queue), *(_marked(outcome, each) for each in busy_charts(outcome))]


def _colour(name: str, place: int) -> str:
    return "deferred" if name == PARKED else SERIES[place % len(SERIES)]


def _faults(outcome: Outcome) -> str:
    if not outcome.faults:
        return ""
    rows = [
        (
            "done" if each.well else "FAILED",
            f"{each.planned_s:g}",
            f"{each.began_s:.2f}",
            each.name,
            each.what,
            each.said,
        )
        for each in outcome.faults
    ]
    kinds = ["met" if each.well else "missed" for each in outcome.faults]
    return "<h2>Faults</h2>" + table(("", "planned, s", "began, s", "name", "what", "said"), rows, kinds)


def _details(outcome: Outcome) -> str:
    simulated = outcome.simulated
    title = "What this stands on" if simulated else "The generator"
    lines = [generator_line(outcome.generator)] if outcome.generator else []
    lines += simulated.notes if simulated else []
    if outcome.samples_missed:
        lines.append(f"{outcome.samples_missed} readings of the proxy's metrics failed")
    for name, told in outcome.classes.items():
        lines.append(f"{name}: " + ", ".join(f"{end} {count:,}" for end, count in told.figures.ends.items()))
    return (
        f"<h2>{title}, and how requests ended</h2><p class=faint>" + "<br>".join(map(escape, lines)) + "</p>"
    )
