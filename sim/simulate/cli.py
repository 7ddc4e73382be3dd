"""The command `penstock simulate`: words into an order."""

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console

    from sim.fleet.fleet import Fleet
    from sim.replay.plan import ReplayPlan
    from sim.simulate.ground import Ground

NOT_HERE = "'penstock simulate' needs more packages: pip install 'penstock[load]'"
WIDTH = 120
"""Of the tables in a file or a pipe."""

FILE = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False)
POSITIVE = click.FloatRange(0, min_open=True)


@click.command()
@click.argument("plan", type=FILE)
@click.option("--table", type=FILE, help="The routing table, in place of the plan's.")
@click.option("--fleet", type=FILE, help="The fleet description, in place of the plan's.")
@click.option("--out", type=FOLDER, help="The report's folder; default .run/simulate/NAME.")
@click.option("--scale", type=POSITIVE, help="Of all rates, in place of the plan's.")
@click.option(
    "--find", multiple=True, metavar="POOL", help="Search the fewest machines of this pool; again for others."
)
@click.option(
    "--machines", multiple=True, metavar="POOL=N", help="So many machines, in place of the fleet's."
)
@click.option(
    "--sampled", type=click.IntRange(1), help="Simulate one request in so many; default as --requests has it."
)
@click.option(
    "--requests-max", type=click.IntRange(1_000), help="Simulate no more than about so many; default 600000."
)
@click.option(
    "--beside", type=click.Path(path_type=Path, exists=True), help="A live run's report: print errors."
)
@click.option("--against", type=FILE, help="With a recording: the table that --table is compared with.")
@click.option("--json", "as_json", is_flag=True, help="With a recording: print JSON.")
@click.option("--check", is_flag=True, help="Read plan, table and fleet; simulate nothing.")
@click.option("--requests/--no-requests", default=True, show_default=True, help="Write requests.jsonl.")
def simulate(
    plan: Path,
    table: Path | None,
    fleet: Path | None,
    out: Path | None,
    scale: float | None,
    find: tuple[str, ...],
    machines: tuple[str, ...],
    sampled: int | None,
    requests_max: int | None,
    beside: Path | None,
    against: Path | None,
    *,
    as_json: bool,
    check: bool,
    requests: bool,
) -> None:
    """Play PLAN in virtual time, against a routing table and a fleet that is data; judge it; write a report.

    PLAN is a file, or the name of a profile, as for `penstock replay`; it may name table and fleet itself
    (`simulate: {table: FILE, fleet: FILE}`).

    PLAN may be a recording (`penstock record`): it is played through --table, and set beside --against, or,
    without that, beside what was live. The first line is the answer; exit 0.

    Exit 0: every threshold was met. 99: one was missed, or the abort rule ended the run. 98: a percentile
    rests on too few answers. 2: plan, table or fleet have problems.
    """
    try:
        from rich.console import Console

        from sim.recordings.reading import is_recording
        from sim.replay.display import print_likeness
        from sim.replay.files import PAGE, read_outcome, write_report
        from sim.replay.profiles import profile
        from sim.simulate.errand import REQUESTS_MAX, sampled_for, script_of
        from sim.simulate.showing import Night, print_simulated
    except ModuleNotFoundError as error:
        raise click.ClickException(f"{NOT_HERE} ({error})") from error

    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    if is_recording(plan):
        _compare(console, plan, table, fleet, against, out, as_json=as_json)
        return
    if against is not None or as_json:
        raise click.UsageError("--against and --json are for a recording, which PLAN is not")
    plan = profile(plan)
    read, ground = _read(plan, table, fleet, scale, machines)
    factor = sampled or sampled_for(read, plan.parent, ground.fleet.proxies, requests_max or REQUESTS_MAX)
    script = script_of(read, plan.parent, factor)
    night = Night(plan=read, script=script, ground=ground, sampled=factor, console=console)
    night.check(find)
    click.echo(
        f"{plan}: {len(script.due_s) * factor:,} requests in {script.seconds:g} s"
        + (f", one in {factor:,} simulated" if factor > 1 else "")
    )
    if check:
        return
    outcome, sight = night.play(find)
    folder = out or Path(".run/simulate") / read.name
    write_report(folder, read, outcome, sight, requests=requests)
    print_simulated(console, outcome)
    if beside is not None:
        print_likeness(console, read_outcome(beside), outcome)
    click.echo(f"report: {folder / PAGE}")
    sys.exit(outcome.exit_code)


def _compare(
    console: "Console",
    recording: Path,
    table: Path | None,
    fleet: Path | None,
    against: Path | None,
    out: Path | None,
    *,
    as_json: bool,
) -> None:
    import msgspec

    from sim.recordings.errand import Errand, run
    from sim.recordings.showing import show

    if table is None or fleet is None:
        raise click.UsageError("a recording is played through --table FILE, against --fleet FILE")
    found = run(Errand(recording=recording, table=table, fleet=fleet, against=against, out=out))
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found), indent=1))
        return
    show(console, found, ("live", "simulated") if against is None else (against.name, table.name))
    if out is not None and against is not None:
        click.echo(f"comparison: {out / 'compare.html'}")


def _read(
    plan: Path, table: Path | None, fleet: Path | None, scale: float | None, machines: tuple[str, ...]
) -> "tuple[ReplayPlan, Ground]":
    from sim.fleet.errors import FleetRefused
    from sim.fleet.parse import load_fleet
    from sim.replay.errand import load_plan
    from sim.simulate.ground import Ground

    read = load_plan(plan, scale=scale or 0.0)
    told = read.simulation
    if told.scale and not scale:
        read = load_plan(plan, scale=told.scale)
    paths = [
        given or (plan.parent / stated if stated else None)
        for given, stated in ((table, told.table), (fleet, told.fleet))
    ]
    if paths[0] is None or paths[1] is None:
        what = "table" if paths[0] is None else "fleet"
        raise FleetRefused(f"which {what}? --{what} FILE, or `simulate: {{{what}: FILE}}` in the plan")
    try:
        text = paths[0].read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FleetRefused(f"{paths[0]}: {getattr(error, 'strerror', None) or error}") from error
    described = load_fleet(paths[1])
    sized = _machines(machines, described)
    return read, Ground(table=text, fleet=described, base=plan.parent, sized=sized)


def _machines(given: tuple[str, ...], fleet: "Fleet") -> dict[str, float]:
    """By application, of `POOL=N`, where POOL may be a name."""
    found = {}
    for each in given:
        word, _, count = each.partition("=")
        pool = fleet.pool(word)
        try:
            number = float(count)
        except ValueError:
            number = 0.0
        if pool is None or not 0 < number < math.inf:
            raise click.BadParameter(
                f"{each} is not POOL=N of a pool of {fleet.name}", param_hint="--machines"
            )
        found[pool.application] = number
    return found
