"""Curves as SVG within a page: drawn by matplotlib, coloured by the page's own colours, light or dark.

matplotlib, because it is here already, its pictures need no script in a browser, and can be printed.
"""

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

COLOURS = {
    "ink": "#010101", "faint": "#020202", "paper": "#030303", "good": "#040404", "late": "#050505",
    "deferred": "#060606", "refused": "#070707", "lost": "#080808", "first": "#090909", "second": "#0a0a0a",
    "third": "#0b0b0b", "fourth": "#0c0c0c", "grid": "#0d0d0d",
}  # fmt: skip
"""Stand-ins: in the SVG each becomes the page's variable of that name."""

SERIES = ("first", "second", "third", "fourth", "good", "late", "deferred", "refused")
WIDTH, HEIGHT = 9.0, 2.5
DECADE = 10
MILLION = 1e6
NAME_MAX = 26
_STAND_IN = re.compile("|".join(COLOURS.values()))
_VARIABLES = {value: f"var(--{name})" for name, value in COLOURS.items()}
_ID = re.compile(r'(id="|href="#|url\(#)')
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none", "font.size": 9, "font.family": "sans-serif", "axes.spines.top": False,
    "axes.spines.right": False, "axes.edgecolor": COLOURS["faint"], "axes.labelcolor": COLOURS["ink"],
    "text.color": COLOURS["ink"], "xtick.color": COLOURS["faint"], "ytick.color": COLOURS["faint"],
    "axes.grid": True, "grid.color": COLOURS["grid"], "grid.linewidth": 0.6, "axes.facecolor": "none",
    "axes.titlesize": 11, "axes.titlelocation": "left", "axes.titleweight": "bold", "legend.frameon": False,
    "lines.linewidth": 1.5, "axes.axisbelow": True, "svg.hashsalt": "penstock",
}  # fmt: skip


class Chart:
    """One picture over time. `title` says what is seen, `unit` what its height is."""

    def __init__(self, title: str, unit: str, *, log: bool = False, height: float = HEIGHT) -> None:
        self._title = title
        with mpl.rc_context(_STYLE):
            self._figure = Figure(figsize=(WIDTH, height))
            self._figure.subplots_adjust(left=0.085, right=0.8, top=1 - 0.28 / height, bottom=0.45 / height)
            self.axes: Any = self._figure.subplots()
            self.axes.set_title(title)
            self.axes.set_ylabel(unit)
            self.axes.set_xlabel("s from the start")
            self.axes.margins(x=0)
            self.axes.yaxis.set_major_formatter(FuncFormatter(_grouped))
            if log:
                self.axes.set_yscale("log")
                self.axes.yaxis.set_major_formatter(FuncFormatter(_plain))

    def line(
        self, at: Sequence[float], values: Sequence[float], name: str, colour: str, style: str = "-"
    ) -> None:
        """A curve."""
        self.axes.plot(at, values, style, label=name[:NAME_MAX], color=COLOURS[colour])

    def stack(
        self, at: Sequence[float], layers: Mapping[str, Sequence[float]], colours: Sequence[str]
    ) -> None:
        """Layers upon each other."""
        paint = [COLOURS[each] for each in colours]
        self.axes.stackplot(at, *layers.values(), labels=list(layers), colors=paint, step="post", linewidth=0)

    def mark(self, at: float, text: str, row: int = 0) -> None:
        """A moment; `row`: in which line below the top its name stands."""
        self.axes.axvline(at, color=COLOURS["ink"], linewidth=0.9, linestyle=(0, (2, 2)))
        self.axes.annotate(
            text, (at, 1.0), xycoords=("data", "axes fraction"), xytext=(3, -2 - 11 * row),
            textcoords="offset points", va="top", fontsize=8, color=COLOURS["ink"], parse_math=False,
        )  # fmt: skip

    def level(self, value: float, text: str) -> None:
        """A height that matters."""
        self.axes.axhline(value, color=COLOURS["ink"], linewidth=0.9, linestyle=(0, (4, 3)))
        self.axes.annotate(
            text, (1.0, value), xycoords=("axes fraction", "data"), xytext=(-2, 2),
            textcoords="offset points", ha="right", va="bottom", fontsize=8, color=COLOURS["ink"],
        )  # fmt: skip

    def svg(self, number: int) -> str:
        """The picture, to stand in a page as its `number`-th."""
        handles, _ = self.axes.get_legend_handles_labels()
        with mpl.rc_context(_STYLE):
            if self.axes.get_yscale() == "linear":
                self.axes.set_ylim(0, max(1.0, self.axes.get_ylim()[1]))
            elif self.axes.get_ylim()[1] < DECADE * self.axes.get_ylim()[0]:
                self.axes.yaxis.set_minor_formatter(FuncFormatter(_plain))
            else:
                self.axes.yaxis.set_minor_formatter(NullFormatter())
            if handles:
                self.axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.4)
            file = io.StringIO()
            self._figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
        text = file.getvalue()
        text = text[text.index("<svg") :]
        text = _ID.sub(lambda match: f"{match[1]}c{number}-", text)
        text = _STAND_IN.sub(lambda match: _VARIABLES[match[0]], text)
        return text.replace("<svg ", f'<svg role="img" aria-label="{self._title}" ', 1)


def _grouped(value: float, _: object) -> str:
    return f"{value:,g}" if abs(value) < MILLION else f"{value:,.0f}"


def _plain(value: float, _place: int) -> str:
    return f"{value:g}"
