"""The terminal: how far a run is while it runs, and its verdict afterwards."""

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from sim.load.crew import Told
from sim.load.report import generator_line
from sim.replay.errand import Moment
from sim.replay.likeness import HEADER, Likeness, likeness_of
from sim.replay.outcome import MET, MISSED, Outcome
from sim.replay.plan import ReplayPlan
from sim.replay.script import Script

STYLES = {MET: "bold green", MISSED: "bold red"}


class Display:
    """A line that moves: the stage, what was sent a second, what has no end yet, what failed, the queue."""

    def __init__(self, plan: ReplayPlan, script: Script, console: Console) -> None:
        self._plan = plan
        self._script = script
        self._last = Moment(at_s=0.0, told=Told(), depth=None)
        columns = (
            TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[told]}"),
            TimeElapsedColumn(),
        )  # fmt: skip
        self.progress = Progress(*columns, console=console, transient=True)
        self._task: TaskID = self.progress.add_task(
            plan.stages[0].name, total=script.seconds, told="starting"
        )

    def show(self, moment: Moment) -> None:
        """Told twice a second."""
        last, self._last = self._last, moment
        told, span_s = moment.told, max(moment.at_s - last.at_s, 1e-3)
        parts = [
            f"{(told.turned_to - last.told.turned_to) / span_s:,.0f}/s",
            f"{told.turned_to:,} of {len(self._script.due_s):,}",
            f"{told.turned_to - told.ended:,} on their way",
            f"{told.failed:,} failed",
        ]
        if moment.depth is not None:
            parts.append(f"{moment.depth:,.0f} tickets")
        name = self._stage(moment.at_s)
        self.progress.update(self._task, completed=moment.at_s, description=name, told=", ".join(parts))

    def _stage(self, at_s: float) -> str:
        bounds = self._script.bounds_s
        place = sum(at_s >= bound for bound in bounds[1:-1])
        return self._plan.stages[place].name if at_s < bounds[-1] else "last answers"


def print_outcome(console: Console, outcome: Outcome) -> None:
    """The verdict, the thresholds, the classes, and the generator's own line."""
    console.print(f"{outcome.verdict}  {outcome.name}", style=STYLES.get(outcome.exit_code, "bold yellow"))
    for complaint in outcome.invalid:
        console.print(f"  INVALID: {complaint}", style="yellow", highlight=False)
    if outcome.aborted:
        console.print(f"  ABORTED: {outcome.aborted}", style="red", highlight=False)
    for each in outcome.judged:
        word = "met   " if each.met else "MISSED"
        doubt = "" if each.believed else f"  (of {each.sample:,} answers only)"
        console.print(f"  {word} {each.of}: {each.text}, was {each.shown}{doubt}", highlight=False)
    console.print(_classes(outcome))
    if outcome.generator is not None:
        console.print(generator_line(outcome.generator), highlight=False)


def print_likeness(console: Console, first: Outcome, second: Outcome) -> list[Likeness]:
    """The signed errors where one of the two is simulated; misses are marked. What was printed."""
    rows = likeness_of(first, second)
    table = Table()
    for name in HEADER:
        table.add_column(name, justify="left" if name in HEADER[:3] or not name else "right")
    for each in rows:
        table.add_row(*each.shown, style="bold red" if each.within is False else None)
    if rows:
        console.print(table)
    return rows


def _classes(outcome: Outcome) -> Table:
    table = Table()
    table.add_column("class")
    for name in (
        "arrivals",
        "goodput",
        "late",
        "deferred",
        "refused",
        "lost",
        "p50 ms",
        "p99 ms",
        "recovery",
    ):
        table.add_column(name, justify="right")
    for name, told in outcome.classes.items():
        each = told.figures
        recovery = (
            ""
            if outcome.spike_end_s is None
            else "never"
            if told.recovery_s is None
            else f"{told.recovery_s:g} s"
        )
        table.add_row(
            name,
            f"{each.arrivals:,}",
            f"{each.good / max(each.arrivals, 1):.2%}",
            *(f"{count:,}" for count in (each.late, each.deferred, each.refused, each.lost)),
            f"{each.latency_ms['p50']:.1f}",
            f"{each.latency_ms['p99']:.1f}",
            recovery,
        )
    return table
