"""Figures as a picture, SVG: throughput and latency by batch size, a line for each model and device."""

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workers.bench.figures import Figures

COLOURS = ("#0f766e", "#b4532a", "#1d4ed8", "#7c3aed", "#a16207", "#be185d", "#334155", "#15803d")


def draw(path: Path, found: Sequence[Figures]) -> None:
    """Write it. Raises ModuleNotFoundError without matplotlib."""
    importlib.import_module("matplotlib").use("svg")
    figure: Any = importlib.import_module("matplotlib.figure").Figure(figsize=(11, 4.2), layout="constrained")
    throughput, latency = figure.subplots(1, 2)
    for number, each in enumerate(found):
        colour = COLOURS[number % len(COLOURS)]
        label = f"{each.model}, {each.device}"
        sizes = [level.batch for level in each.levels]
        throughput.plot(sizes, [level.per_s for level in each.levels], "o-", color=colour, label=label)
        latency.plot(sizes, [level.p50_ms for level in each.levels], "o-", color=colour, label=label)
        latency.plot(sizes, [level.p99_ms for level in each.levels], ":", color=colour)
    for axes, title in ((throughput, "requests a second"), (latency, "ms a batch: p50, dotted p99")):
        axes.set(xscale="log", yscale="log", xlabel="requests in a batch", title=title)
        axes.grid(visible=True, alpha=0.3)
    throughput.legend(fontsize=8)
    figure.savefig(path, format="svg")
