"""A calibration as a picture, SVG: throughput and latency by concurrency, what was in time by rate."""

import importlib
from pathlib import Path
from typing import Any

from proxy.errors import PenstockError
from sim.calibrate.calibration import Calibration
from sim.calibrate.knee import NEAR_SHARE
from sim.calibrate.sustained import GOOD_SHARE_MIN

INK, OURS, FAINT = "#1f2933", "#0f766e", "#b4532a"


class NoPictures(PenstockError):
    """A picture needs matplotlib: pip install 'penstock[bench]'."""

    exit_code = 2


def find_matplotlib() -> Any:
    """It, drawing without a screen. Raises NoPictures."""
    try:
        matplotlib = importlib.import_module("matplotlib")
    except ModuleNotFoundError as error:
        raise NoPictures from error
    matplotlib.use("svg")
    return importlib.import_module("matplotlib.figure")


def draw(path: Path, found: Calibration) -> None:
    """Write it. Raises NoPictures."""
    figure = find_matplotlib().Figure(figsize=(11, 4.2), layout="constrained")
    by_concurrency, by_rate = figure.subplots(1, 2)
    _levels(by_concurrency, found)
    _trials(by_rate, found)
    figure.savefig(path, format="svg")


def _levels(axes: Any, found: Calibration) -> None:
    levels = sorted(found.levels, key=lambda each: each.concurrency)
    at = [each.concurrency for each in levels]
    axes.plot(at, [each.throughput for each in levels], "o-", color=OURS)
    axes.set_xlabel("concurrency")
    axes.set_ylabel("good answers a second", color=OURS)
    axes.set_ylim(bottom=0)
    axes.set_xscale("log", base=2)
    latency = axes.twinx()
    latency.plot(at, [each.mean_ms for each in levels], "s--", color=FAINT)
    latency.set_ylabel("mean latency, ms", color=FAINT)
    latency.set_ylim(bottom=0)
    axes.axvline(found.concurrency, color=INK, linewidth=1)
    axes.set_title(
        f"knee at {found.concurrency} (least within {NEAR_SHARE:.0%} of the greatest power)", color=INK
    )


def _trials(axes: Any, found: Calibration) -> None:
    axes.plot(
        [each.rate for each in found.trials],
        [100 * each.good / max(1, each.arrivals) for each in found.trials],
        "o",
        color=OURS,
    )
    axes.axhline(100 * GOOD_SHARE_MIN, color=FAINT, linewidth=1)
    axes.set_xlabel("requests a second (Poisson)")
    axes.set_ylabel(f"% answered within {found.deadline_ms:g} ms")
    if found.rate:
        axes.axvline(found.rate, color=INK, linewidth=1)
    axes.set_title(f"sustained: {found.rate:,.0f}/s", color=INK)
