"""Rehearse the profiles on this machine, live and in virtual time: `python -m sim.rehearsal [PROFILE ...]`.

For each: the part of its fleet and table that its live scale is of the whole, as stub servers, with a proxy
in front; the plan played live against them; the same part and the same schedule in virtual time; and the
whole in virtual time, at the public rates. Prints the three verdicts, and the signed errors of the first
simulation with --errors; each run leaves its report in its folder. Exit 0: no run was invalid (what a profile
asks for may be missed: `double11-probe` is there to find out where); 98: one was.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from sim.fleet.parse import load_fleet
from sim.rehearsal.rig import rigged
from sim.replay.display import Display, print_likeness, print_outcome
from sim.replay.errand import load_plan, play
from sim.replay.files import PAGE, write_report
from sim.replay.outcome import INVALID, MET, Outcome
from sim.replay.plan import ReplayPlan
from sim.replay.profiles import names, profile
from sim.replay.script import write_script
from sim.simulate.errand import REQUESTS_MAX, sampled_for, simulate
from sim.simulate.ground import Ground, Part
from sim.simulate.worlds import world_of

WIDTH = 140
LIVE, LIKE, WHOLE = "live", "simulated", "whole"
"""Folders of the reports: the live part, the same part in virtual time, and the whole night."""

TITLES = {LIVE: "live", LIKE: "the same, simulated", WHOLE: "public scale, simulated"}


class Rehearsed(msgspec.Struct, frozen=True, kw_only=True):
    """The outcomes of one profile, by the words above."""

    name: str
    share: float  # of the whole, that was live
    outcomes: dict[str, Outcome]


def main(arguments: Sequence[str]) -> int:
    """All that are asked for, one after another."""
    options = _options(arguments)
    console = Console() if sys.stdout.isatty() else Console(width=WIDTH)
    done = [_rehearse(Path(name), options, console) for name in options.profiles or names()]
    console.print(_summary(done))
    invalid = [each for each in done for outcome in each.outcomes.values() if outcome.exit_code == INVALID]
    return INVALID if invalid else MET


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sim.rehearsal", description=__doc__)
    parser.add_argument("profiles", nargs="*", metavar="PROFILE", help="a profile or a plan; all profiles")
    parser.add_argument("--scale", type=float, default=0.0, help="of the live rates, in place of the plans'")
    parser.add_argument("--processes", type=int, default=1, help="of the proxy (1)")
    parser.add_argument("--out", type=Path, default=Path(".run/rehearsal"), help="for the reports")
    parser.add_argument("--errors", action="store_true", help="print the simulation's signed errors")
    parser.add_argument("--live-only", action="store_true", help="simulate nothing")
    return parser.parse_args(arguments)


def _rehearse(name: Path, options: argparse.Namespace, console: Console) -> Rehearsed:
    path = profile(name)
    plan = load_plan(path, scale=options.scale)
    ground = _ground(plan, path.parent)
    whole = plan.simulation.scale or plan.scale
    sampled = max(1, round(whole / plan.scale))
    outcomes = {LIVE: asyncio.run(_live(plan, ground, sampled, options, console))}
    print_outcome(console, outcomes[LIVE])
    if not options.live_only:
        full = load_plan(path, scale=whole)
        count = sampled_for(full, path.parent, ground.fleet.proxies, REQUESTS_MAX)
        outcomes[LIKE] = _simulated(full, ground, sampled, options.out / plan.name / LIKE)
        outcomes[WHOLE] = _simulated(full, ground, count, options.out / plan.name / WHOLE)
        if options.errors:
            print_likeness(console, outcomes[LIVE], outcomes[LIKE], stands_for=sampled)
    console.print(f"reports: {options.out / plan.name}/*/{PAGE}\n", highlight=False)
    return Rehearsed(name=plan.name, share=1 / sampled, outcomes=outcomes)


def _ground(plan: ReplayPlan, folder: Path) -> Ground:
    table = (folder / plan.simulation.table).read_text(encoding="utf-8")
    return Ground(table=table, fleet=load_fleet(folder / plan.simulation.fleet), base=folder)


async def _live(
    plan: ReplayPlan, ground: Ground, sampled: int, options: argparse.Namespace, console: Console
) -> Outcome:
    script = write_script(plan, ground.base)
    world = world_of(plan, ground, Part(sampled=sampled, proxies=ground.fleet.proxies), script.seconds)
    display = Display(plan, script, console)
    async with rigged(world, options.processes) as rig:
        with display.progress:
            outcome, sight = await play(rig.aimed(plan), script, ground.base, display.show)
    write_report(options.out / plan.name / LIVE, plan, outcome, sight, requests=False)
    return outcome


def _simulated(plan: ReplayPlan, ground: Ground, sampled: int, folder: Path) -> Outcome:
    outcome, sight = simulate(plan, ground, sampled=sampled)
    write_report(folder, plan, outcome, sight, requests=False)
    return outcome


def _summary(done: Sequence[Rehearsed]) -> Table:
    table = Table()
    for heading in ("profile", "live share of the whole", *TITLES.values()):
        table.add_column(heading)
    for each in done:
        told = [_told(each.outcomes.get(which)) for which in TITLES]
        table.add_row(each.name, f"1 / {1 / each.share:,.0f}", *told)
    return table


def _told(outcome: Outcome | None) -> str:
    if outcome is None:
        return ""
    missed = sum(not each.met for each in outcome.judged)
    return outcome.verdict if not missed else f"{outcome.verdict} ({missed} of {len(outcome.judged)})"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
