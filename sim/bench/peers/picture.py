"""The picture: a bar for each peer in each case, with the lowest and the highest round as whiskers. SVG."""

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sim.bench.peers.case import Case, Kind
from sim.bench.peers.summary import Spread, Summary

OURS, THEIRS = "#1f6f8b", "#b8c4cc"

MEASURED = {
    Kind.SATURATED: ("per_s", "answers per second"),
    Kind.OPEN: ("p99_ms", "p99, milliseconds from the due time"),
    Kind.IDLE: ("connection_bytes", "bytes of memory a connection"),
}


class NoPictures(Exception):
    """matplotlib is not installed."""


def draw(path: Path, cases: Sequence[Case], summaries: Sequence[Summary], caption: str) -> None:
    """Write the picture. Raises NoPictures."""
    drawn = [(case, bars(case, summaries)) for case in cases]
    drawn = [(case, found) for case, found in drawn if found]
    figure = _figure(drawn, caption)
    figure.savefig(path, format="svg", metadata={"Date": None})


def bars(case: Case, summaries: Sequence[Summary]) -> list[tuple[str, Spread]]:
    """Peer and figure, for all that were measured in the case; what had trouble is marked."""
    field = MEASURED[case.kind][0]
    mine = [summary for summary in summaries if summary.case == case.name]
    return [
        (summary.peer + (" (!)" if summary.trouble else ""), getattr(summary, field))
        for summary in sorted(mine, key=lambda each: each.peer)
        if getattr(summary, field) is not None
    ]


def shown(value: float) -> str:
    """Three places, or all before the point."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _figure(drawn: Sequence[tuple[Case, list[tuple[str, Spread]]]], caption: str) -> Any:
    try:
        matplotlib = importlib.import_module("matplotlib")
        module = importlib.import_module("matplotlib.figure")
    except ModuleNotFoundError as error:
        raise NoPictures(f"{error}: pip install matplotlib") from error
    matplotlib.rcParams["svg.hashsalt"] = "penstock"  # the same figures give the same file
    matplotlib.rcParams["svg.fonttype"] = "none"  # text stays text
    columns = 2
    lines = max(1, -(-len(drawn) // columns))
    figure = module.Figure(figsize=(12, 3.2 * lines + 0.6), layout="constrained")
    figure.suptitle(caption, fontsize=8)
    for place, (case, found) in enumerate(drawn):
        _panel(figure.add_subplot(lines, columns, place + 1), case, found)
    return figure


def _panel(axes: Any, case: Case, found: list[tuple[str, Spread]]) -> None:
    names = [name for name, _ in found]
    medians = [spread.median for _, spread in found]
    whiskers = [
        [spread.median - spread.low for _, spread in found],
        [spread.high - spread.median for _, spread in found],
    ]
    colours = [OURS if name.startswith("penstock") else THEIRS for name in names]
    drawn = axes.barh(names, medians, xerr=whiskers, color=colours, error_kw={"elinewidth": 1, "capsize": 2})
    axes.bar_label(drawn, labels=[f" {shown(value)}" for value in medians], fontsize=8)
    axes.invert_yaxis()
    axes.margins(x=0.2)
    axes.set_title(f"{case.name}: {case.title}", fontsize=10, loc="left")
    axes.set_xlabel(MEASURED[case.kind][1], fontsize=8)
    axes.tick_params(labelsize=8)
