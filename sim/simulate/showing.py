"""A night from the command's words to its outcome, told on the terminal while it runs and afterwards."""

from dataclasses import dataclass

import msgspec
from rich.console import Console
from rich.table import Table

from sim.replay.answer import answers
from sim.replay.display import Display, print_outcome
from sim.replay.outcome import Outcome
from sim.replay.plan import ReplayPlan
from sim.replay.script import Script
from sim.replay.sight import Sight
from sim.replay.simulated import Simulated, Sizing, counted
from sim.simulate.errand import play
from sim.simulate.ground import Ground, Part, read_table
from sim.simulate.sizing import missed_of, sized, wanted_pool
from sim.simulate.worlds import world_of


@dataclass(frozen=True, kw_only=True)
class Night:
    """A plan with all that it meets; one request in `sampled` is simulated."""

    plan: ReplayPlan
    script: Script
    ground: Ground
    sampled: int
    console: Console

    def check(self, find: tuple[str, ...]) -> None:
        """Raises FleetRefused where plan, table and fleet do not fit together, or a pool is not there."""
        read_table(self.ground.table)
        part = Part(sampled=self.sampled, proxies=self.ground.fleet.proxies)
        world_of(self.plan, self.ground, part, self.script.seconds)
        for each in find:
            wanted_pool(self.ground, each)

    def play(self, find: tuple[str, ...]) -> tuple[Outcome, Sight]:
        """The search for each of these pools, in order, and the run with what was found."""
        ground, found = self.ground, list[Sizing]()
        for application in find:
            sizing, ground = sized(self.plan, self.script, ground, application, self.sampled, self._tried)
            found.append(sizing)
        display = Display(self.plan, self.script, self.console)
        with display.progress:
            outcome, sight = play(self.plan, self.script, ground, sampled=self.sampled, show=display.show)
        assert outcome.simulated is not None
        told = msgspec.structs.replace(outcome.simulated, sizing=found)
        return msgspec.structs.replace(outcome, simulated=told), sight

    def _tried(self, name: str, count: float, outcome: Outcome) -> None:
        missed = missed_of(outcome)
        said = f"miss {missed[0]}" if missed else "are enough"
        self.console.print(f"  {name}: {counted(count)} machines {said}", highlight=False)


def print_simulated(console: Console, outcome: Outcome) -> None:
    """The answer first, then what a live run's end prints, then machines and money."""
    told = outcome.simulated
    assert told is not None
    for line in answers(outcome):
        console.print(line, style="bold", highlight=False)
    print_outcome(console, outcome)
    console.print(_pools(told))
    console.print(_classes(told))
    for note in [*told.notes, *([f"Assumed: {told.assumed}"] if told.assumed else [])]:
        console.print(f"  {note}", highlight=False)


def _pools(told: Simulated) -> Table:
    table = Table()
    table.add_column("pool")
    for name in ("machines", "requests/s at most", "busy", "busiest", f"cost of {told.hours:g} h"):
        table.add_column(name, justify="right")
    for each in told.pools:
        table.add_row(
            each.name,
            counted(each.machines),
            f"{each.full_rate:,.0f}",
            f"{each.busy:.0%}",
            f"{each.busy_peak:.0%}",
            f"{each.cost:,.0f} {told.currency}",
        )
    return table


def _classes(told: Simulated) -> Table:
    table = Table()
    table.add_column("class")
    for name in ("share of busy time", "cost", "per 1,000 requests"):
        table.add_column(name, justify="right")
    for each in told.classes:
        table.add_row(
            each.name,
            f"{each.share:.1%}",
            f"{each.cost:,.0f} {told.currency}",
            f"{each.per_thousand:,.4g} {told.currency}",
        )
    table.add_row("all", "", f"{told.cost:,.0f} {told.currency}", "")
    return table
