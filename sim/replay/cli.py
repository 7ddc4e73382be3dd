"""The commands `penstock replay` and `penstock report`: words into an order."""

import sys
from pathlib import Path

import click

NOT_HERE = "'penstock replay' needs more packages: pip install 'penstock[load]'"
WIDTH = 120
"""Of the tables in a file or a pipe."""

FOLDER = click.Path(path_type=Path, file_okay=False)
RESULT = click.Path(path_type=Path, exists=True)


@click.command()
@click.argument("plan", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--out", type=FOLDER, help="The report's folder; default .run/replay/NAME.")
@click.option(
    "--scale", type=click.FloatRange(0, min_open=True), help="Of all rates, in place of the plan's."
)
@click.option("--target", help="http://HOST:PORT/PATH, in place of the plan's.")
@click.option("--check", is_flag=True, help="Read the plan and draw its schedule; send nothing.")
@click.option("--requests/--no-requests", default=True, show_default=True, help="Write requests.jsonl.")
def replay(
    plan: Path, out: Path | None, scale: float | None, target: str | None, *, check: bool, requests: bool
) -> None:
    """Play PLAN against a live proxy, open loop; judge it; write a report.

    PLAN is a file, or the name of a profile: double11-peak, double11-probe, double11-limits, double11-faults,
    post-promotion-refresh.

    Exit 0: every threshold was met. 99: one was missed, or the abort rule ended the run. 98: the run is
    invalid: the generator could not keep its schedule, a fault did not happen, or a percentile rests on too
    few answers.
    2: the plan has problems.
    """
    try:
        from rich.console import Console

        from sim.replay.display import Display, print_outcome
        from sim.replay.errand import load_plan, play
        from sim.replay.files import PAGE, write_report
        from sim.replay.profiles import profile
        from sim.replay.script import write_script
    except ModuleNotFoundError as error:
        raise click.ClickException(f"{NOT_HERE} ({error})") from error

    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    plan = profile(plan)
    read = load_plan(plan, scale=scale or 0.0, target=target or "")
    script = write_script(read, plan.parent)
    if check:
        bounds = zip(read.stages, script.bounds_s[:-1], script.bounds_s[1:], strict=True)
        told = ", ".join(f"{stage.name} {start:g} to {stop:g} s" for stage, start, stop in bounds)
        click.echo(f"{plan}: ok, {len(script.due_s):,} requests in {script.seconds:g} s: {told}")
        return
    display = Display(read, script, console)
    with display.progress:
        outcome, sight = play(read, script, plan.parent, display.show)
    folder = out or Path(".run/replay") / read.name
    write_report(folder, read, outcome, sight, requests=requests)
    print_outcome(console, outcome)
    click.echo(f"report: {folder / PAGE}")
    sys.exit(outcome.exit_code)


@click.group()
def report() -> None:
    """Reports of replays."""


@report.command()
@click.argument("first", type=RESULT)
@click.argument("second", type=RESULT)
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), default=Path("compare.html"), show_default=True
)
def compare(first: Path, second: Path, out: Path) -> None:
    """Lay two replays over each other: FIRST and SECOND are folders of reports, or their result.json.

    Where one of them was simulated, the signed errors of the simulation are printed.
    """
    try:
        from rich.console import Console

        from sim.replay.comparison import comparison
        from sim.replay.display import print_likeness
        from sim.replay.files import read_outcome
    except ModuleNotFoundError as error:
        raise click.ClickException(f"{NOT_HERE} ({error})") from error

    outcomes = read_outcome(first), read_outcome(second)
    out.write_text(comparison(*outcomes), encoding="utf-8")
    print_likeness(Console(width=WIDTH), *outcomes)
    click.echo(f"report: {out}")
