"""The picture: in each case the peers from the best to the last, coloured by what they do. SVG.

Whiskers are the lowest and the highest round. Variants by a small table are left out: they are told in words.
"""

import importlib
import statistics
import textwrap
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from sim.bench.peers.case import Case, Kind
from sim.bench.peers.summary import BASE, TWINS, Spread, Summary

OURS, OURS_PLAIN, READS, RELAYS, NOBODY = "#0f766e", "#5fb3a8", "#66788a", "#b9c3cb", "#e8ebee"
INK, FAINT = "#1f2933", "#697782"
LEGEND = {
    OURS: "Penstock, compiled",
    OURS_PLAIN: "Penstock, plain Python",
    READS: "others that read the label in the body",
    RELAYS: "relays that do not read it",
    NOBODY: "no proxy",
}

MEASURED = {
    Kind.SATURATED: ("per_s", "answers per second, more is better", 1.0),
    Kind.OPEN: ("added_p99_ms", "added to p99, milliseconds, less is better", 1.0),
    Kind.IDLE: ("connection_bytes", "KiB of memory each, less is better", 1 / 1024),
}
COLUMNS = 3
CAPTION_CHARS = 250
TITLE_INCHES = 0.36
LATE_MAX = 3
TROUBLED = " (!)"
"""After the name of a peer that had errors."""

Bar = tuple[str, Spread]


class NoPictures(Exception):
    """matplotlib is not installed."""


def draw(
    path: Path, cases: Sequence[Case], summaries: Sequence[Summary], caption: str, readers: Collection[str]
) -> None:
    """Write the picture. `readers` are the peers that read the label. Raises NoPictures."""
    drawn = [(case, bars(case, summaries)) for case in cases]
    drawn = [(case, found) for case, found in drawn if found]
    figure = _figure(drawn, caption, readers)
    figure.savefig(path, format="svg", metadata={"Date": None})
    path.write_text("\n".join(line.rstrip() for line in path.read_text().splitlines()) + "\n")


def bars(case: Case, summaries: Sequence[Summary]) -> list[Bar]:
    """Peer and figure, the best first, for all that were measured; what had trouble is marked."""
    field, _, scale = MEASURED[case.kind]
    found = [
        (summary.peer + (TROUBLED if summary.trouble else ""), scaled(getattr(summary, field), scale))
        for summary in summaries
        if summary.case == case.name
        and summary.peer not in TWINS.values()
        and getattr(summary, field) is not None
        and not (case.kind is Kind.OPEN and summary.peer == BASE)  # nothing is added to it
    ]
    return sorted(found, key=lambda bar: bar[1].median, reverse=case.kind is Kind.SATURATED)


def scaled(spread: Spread, scale: float) -> Spread:
    """In another unit."""
    return Spread(spread.median * scale, spread.low * scale, spread.high * scale)


def shown(value: float) -> str:
    """Three places, or all before the point."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def colour(name: str, readers: Collection[str]) -> str:
    """Of a peer's bar: how much of the job it does."""
    name = name.removesuffix(TROUBLED)
    if name.startswith("penstock"):
        return OURS if "compiled" in name else OURS_PLAIN
    return NOBODY if name == BASE else READS if name in readers else RELAYS


def reach(case: Case, spreads: Sequence[Spread]) -> float:
    """How far the axis goes: to the largest, but in latency a few times the middle at most."""
    largest = max([spread.high for spread in spreads] + [1e-9])
    if case.kind is not Kind.OPEN:
        return largest
    return min(largest, LATE_MAX * max(statistics.median(spread.median for spread in spreads), 0.1))


def _figure(drawn: Sequence[tuple[Case, list[Bar]]], caption: str, readers: Collection[str]) -> Any:
    try:
        matplotlib = importlib.import_module("matplotlib")
        module = importlib.import_module("matplotlib.figure")
        patches = importlib.import_module("matplotlib.patches")
    except ModuleNotFoundError as error:
        raise NoPictures(f"{error}: pip install matplotlib") from error
    matplotlib.rcParams["svg.hashsalt"] = "penstock"  # the same figures give the same file
    matplotlib.rcParams["svg.fonttype"] = "none"  # text stays text
    lines = max(1, -(-len(drawn) // COLUMNS))
    figure = module.Figure(figsize=(14, 2.9 * lines + 1.1), layout="constrained", facecolor="white")
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.12)
    figure.suptitle(
        "Penstock beside other proxies, each on one core\n",  # a line is left for the legend
        fontsize=15, fontweight="bold", color=INK, x=0.01, ha="left",
    )  # fmt: skip
    figure.supxlabel(textwrap.fill(caption, CAPTION_CHARS), fontsize=7.5, color=FAINT, x=0.01, ha="left")
    for place, (case, found) in enumerate(drawn):
        _panel(figure.add_subplot(lines, COLUMNS, place + 1), case, found, readers)
    keys = [patches.Patch(color=each, label=text) for each, text in LEGEND.items()]
    below_title = (0.003, 1 - TITLE_INCHES / figure.get_figheight())
    figure.legend(
        handles=keys,
        loc="upper left",
        bbox_to_anchor=below_title,
        ncols=len(keys),
        fontsize=9.5,
        frameon=False,
    )
    return figure


def _panel(axes: Any, case: Case, found: list[Bar], readers: Collection[str]) -> None:
    names = [name for name, _ in found]
    most = reach(case, [spread for _, spread in found])
    drawn = [Spread(*(min(each, most) for each in (s.median, s.low, s.high))) for _, s in found]
    medians = [spread.median for spread in drawn]
    whiskers = [[each.median - each.low for each in drawn], [each.high - each.median for each in drawn]]
    axes.barh(
        names, medians, xerr=whiskers, height=0.72, color=[colour(name, readers) for name in names],
        error_kw={"elinewidth": 0.9, "ecolor": INK, "alpha": 0.55},
    )  # fmt: skip
    for place, (_, spread) in enumerate(found):
        end = min(max(spread.high, 0.0), most)
        text = shown(spread.median) + (" …" if spread.median > most else "")
        axes.text(end + most * 0.02, place, text, va="center", fontsize=8.5, color=INK)
    axes.invert_yaxis()
    axes.set_xlim(min([0.0, *(spread.low for _, spread in found)]), most * 1.18)
    axes.set_title(case.title, fontsize=10.5, fontweight="bold", loc="left", color=INK, pad=16)
    axes.text(
        0, 1.025, MEASURED[case.kind][1], transform=axes.transAxes, fontsize=8, color=FAINT, va="bottom"
    )
    axes.set_xticks([])
    for side in ("top", "right", "bottom"):
        axes.spines[side].set_visible(False)
    axes.spines["left"].set_color(FAINT)
    axes.tick_params(axis="y", length=0, labelsize=9, labelcolor=INK)
    for label in axes.get_yticklabels():
        if label.get_text().startswith("penstock"):
            label.set_fontweight("bold")
