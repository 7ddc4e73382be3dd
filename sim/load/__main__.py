"""`python -m sim.load`: open-loop load on one URL. Exit 98 when the generator could not keep its schedule."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from proxy.errors import PenstockError
from sim.load.arrivals import AnyArrivals, Burst, Constant, Poisson, Step, Steps
from sim.load.crew import Told, run_plan
from sim.load.limits import LoadLimits
from sim.load.mix import RequestClass
from sim.load.plan import Plan
from sim.load.report import print_result
from sim.load.result import Result
from sim.load.target import read_target

INVALID, INTERRUPTED = 98, 130
WIDTH = 160
"""Of the tables in a file or a pipe."""

_LIMITS = LoadLimits()


def main(arguments: Sequence[str]) -> int:
    """Run, print, write the file that was asked for."""
    parser = _parser()
    options = parser.parse_args(arguments)
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    try:
        result = _run(plan_of(options), console)
    except PenstockError as error:
        print(f"load: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("load: interrupted; nothing is told of a part of a run", file=sys.stderr)
        return INTERRUPTED
    print_result(console, result)
    if options.json is not None:
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode(result)) + b"\n")
    return 0 if result.valid else INVALID


def plan_of(options: argparse.Namespace) -> Plan:
    """The plan that the words ask for. Raises PlanRefused."""
    body = b"" if options.payload is None else options.payload.read_bytes()
    classes = options.classes or [RequestClass(name="all", deadline_ms=options.deadline_ms)]
    return Plan(
        target=read_target(options.url, options.allow),
        arrivals=_arrivals(options),
        classes=tuple(msgspec.structs.replace(each, body=body) for each in classes),
        seed=options.seed,
        processes=options.processes,
        warm_up_s=options.warm_up,
        limits=LoadLimits(
            requests_max=options.requests_max,
            connections_max=options.connections_max,
            answer_s_max=options.answer_s_max,
        ),
    )


def _run(plan: Plan, console: Console) -> Result:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[told]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("load", total=None, told="starting")

        def say(told: Told) -> None:
            progress.update(
                task, told=f"{told.turned_to:,} due, {told.turned_to - told.ended:,} without an end"
            )

        return run_plan(plan, say)


def _arrivals(options: argparse.Namespace) -> AnyArrivals:
    if options.steps:
        return Steps(steps=tuple(options.steps), poisson=options.arrivals != "constant")
    if options.burst is not None:
        size, every_s = options.burst
        return Burst(rate=options.rate, seconds=options.seconds, size=size, first_s=every_s, every_s=every_s)
    kind = Constant if options.arrivals == "constant" else Poisson
    return kind(rate=options.rate, seconds=options.seconds)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sim.load", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = parser.add_argument
    add("--url", required=True, help="http://HOST:PORT/PATH, on loopback")
    add(
        "--allow",
        action="append",
        default=[],
        metavar="HOST",
        help="this host may be loaded, loopback or not",
    )
    add("--rate", type=_positive, default=100.0, help="requests a second")
    add("--seconds", type=_positive, default=10.0)
    add("--warm-up", type=float, default=0.0, metavar="S", help="the first seconds, which are not counted")
    add("--arrivals", choices=("poisson", "constant"), default="poisson")
    add(
        "--step", dest="steps", type=_step, action="append", metavar="RATE:SECONDS", help="in place of --rate"
    )
    add("--burst", type=_burst, metavar="SIZE:EVERY_S", help="so many at once on top of the rate")
    add(
        *("--class", "--classes"),
        dest="classes",
        type=_class,
        action="append",
        metavar="NAME:LABEL:WEIGHT:DEADLINE_MS",
        help="may be given often",
    )
    add("--deadline-ms", type=_positive, default=1_000.0, help="where no --class is given")
    add(
        "--payload",
        type=Path,
        metavar="FILE",
        help="the body, in place of a small text with the class's label",
    )
    add("--processes", type=int, default=1, help="that the schedule is shared by")
    add("--seed", type=int, default=1)
    add("--requests-max", type=int, default=_LIMITS.requests_max)
    add("--connections-max", type=int, default=_LIMITS.connections_max)
    add("--answer-s-max", type=_positive, default=_LIMITS.answer_s_max, help="later answers are failures")
    add("--json", type=Path, metavar="FILE", help="write the result there")
    return parser


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError("a number above 0 is wanted")
    return value


def _step(text: str) -> Step:
    rate, _, seconds = text.partition(":")
    return Step(rate=_positive(rate), seconds=_positive(seconds))


def _burst(text: str) -> tuple[int, float]:
    size, _, every_s = text.partition(":")
    return int(size), _positive(every_s)


def _class(text: str) -> RequestClass:
    parts = text.split(":")
    if len(parts) != 4:
        raise argparse.ArgumentTypeError("NAME:LABEL:WEIGHT:DEADLINE_MS is wanted")
    name, label, weight, deadline_ms = parts
    return RequestClass(name=name, label=label, weight=float(weight), deadline_ms=_positive(deadline_ms))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
