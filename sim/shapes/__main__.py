"""`python -m sim.shapes FILE`: draws a schedule from a trace and sets its figures beside the trace's.

A request log (times), or ServeGen's clients (a day of one category). Exit 99 where one is too far off.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from proxy.errors import PenstockError
from sim.shapes.clients import COLUMNS, counts_of, flows, read_clients
from sim.shapes.drawing import draw
from sim.shapes.fidelity import Likeness, compared_to_clients, compared_to_log, peak_of
from sim.shapes.recorded import read_times
from sim.shapes.series import DAY_S
from sim.shapes.shape import Log
from sim.shapes.sheet import header_of

UNLIKE = 99
REQUESTS_MAX = 200_000_000


def main(arguments: Sequence[str]) -> int:
    """Read, draw, compare, print."""
    options = _parser().parse_args(arguments)
    console = Console()
    began_s = time.monotonic()
    try:
        found = _compared(options, console)
    except PenstockError as error:
        print(f"shapes: {error}", file=sys.stderr)
        return error.exit_code
    table = Table(
        title=f"{options.file}, seed {options.seed}, {time.monotonic() - began_s:.1f} s", title_justify="left"
    )
    for name in ("", "trace", "schedule", "off by", "allowed"):
        table.add_column(name, justify="left" if not name else "right")
    for each in found:
        style = "" if each.kept else "red"
        figures = (f"{each.wanted:,.4g}" if each.share_max else f"{each.wanted:,.0f}" for _ in (0,))
        drawn = f"{each.found:,.4g}" if each.share_max else f"{each.found:,.0f}"
        table.add_row(each.name, *figures, drawn, f"{each.off:+.3%}", f"{each.share_max:.0%}", style=style)
    console.print(table)
    return 0 if all(each.kept for each in found) else UNLIKE


def _compared(options: argparse.Namespace, console: Console) -> list[Likeness]:
    if not set(COLUMNS) <= set(header_of(options.file)):
        drawn = draw(Log(file=str(options.file)), options.seed, REQUESTS_MAX)
        return compared_to_log(read_times(options.file), drawn.due_s)
    windows = read_clients(options.file, options.category)
    from_s, to_s = options.day * DAY_S, (options.day + 1) * DAY_S
    places, counts = counts_of(windows, from_s, to_s)
    drawn_flows = list(flows(windows, from_s, to_s, 1.0, options.seed))
    found = compared_to_clients(counts, windows.start_s[places] - from_s, windows.width_s, drawn_flows)
    single = max((peak_of(flow.times_s) for flow in drawn_flows), default=0)
    console.print(
        f"{len(drawn_flows):,} windows of clients; the busiest minute of a single client has {single:,}"
    )
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sim.shapes", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument(
        "--category", default="", help="of ServeGen's clients; all of them where none is named"
    )
    parser.add_argument("--day", type=int, default=0, help="of ServeGen's clients")
    parser.add_argument("--seed", type=int, default=1)
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
