"""`python -m sim.load.scenarios`: the live scenarios. Exit 0 met, 99 lines missed, 98 a run was invalid."""

import argparse
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
import uvloop
from rich.console import Console

from proxy.errors import PenstockError
from sim.load.scenarios.beside import Beside, compared, live_figures, print_beside
from sim.load.scenarios.catalog import SCENARIOS
from sim.load.scenarios.measures import figures_of, judge, measures_of
from sim.load.scenarios.report import INVALID, MET, Told, print_run, print_seeds
from sim.load.scenarios.scenario import Scenario
from sim.load.scenarios.stage import Stage
from sim.load.scenarios.twin import played
from sim.story.children import DidNotStart

FAILED = 1
WIDTH = 120
SAID_LINES_MAX = 20
SEEDS_MAX = 100


def main(arguments: Sequence[str]) -> int:
    """Play them one after another, print each, write the file that was asked for."""
    options = _options(arguments)
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    show = _show_beside if options.beside_simulation else _show
    told: list[Told | Beside] = []
    for scenario in options.scenarios:
        try:
            told += show(scenario, options, console)
        except (PenstockError, DidNotStart) as error:
            console.print(f"{scenario.name} could not be played: {error}", style="red", markup=False)
            return FAILED
    if options.json is not None:
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode(told)) + b"\n")
    statuses = {each.status for each in told}
    return INVALID if INVALID in statuses else max(statuses, default=MET)


def _show(scenario: Scenario, options: argparse.Namespace, console: Console) -> list[Told]:
    runs = [_play(scenario, options.seed + number, console) for number in range(options.seeds)]
    if len(runs) > 1:
        print_seeds(console, runs)
    return runs


def _show_beside(scenario: Scenario, options: argparse.Namespace, console: Console) -> list[Beside]:
    return [_beside(scenario, options.seed + number, console) for number in range(options.seeds)]


def _beside(scenario: Scenario, seed: int, console: Console) -> Beside:
    """The hops measured before and after the live run, and the same run in virtual time."""
    assert scenario.simulated_load is not None
    console.print(f"\n{scenario.name}: {scenario.about}; seed {seed}", style="bold", highlight=False)
    alone = msgspec.structs.replace(scenario, compared=False, callers=None)  # the proxied run is what counts
    said: deque[str] = deque(maxlen=SAID_LINES_MAX)
    with _telling(said, console):
        before = uvloop.run(Stage(alone, seed, said.append).calibrate())
        stage = Stage(alone, seed, said.append)
        result = uvloop.run(stage.play()).result
        after = uvloop.run(Stage(alone, seed, said.append).calibrate())
    hops = before.lesser(after)
    simulated = played(scenario, stage.plan(), hops)
    beside = Beside(
        scenario=scenario.name,
        seed=seed,
        hops=hops,
        rows=compared(live_figures(result), simulated, result.seconds, scenario.simulated_load),
        invalid=result.invalid,
    )
    print_beside(console, beside)
    return beside


@contextmanager
def _telling(said: "deque[str]", console: Console) -> Iterator[None]:
    """The proxy's own words, where it does not start."""
    try:
        yield
    except DidNotStart:
        for line in said:
            console.print(line, style="dim", markup=False)
        raise


def _play(scenario: Scenario, seed: int, console: Console) -> Told:
    console.print(f"\n{scenario.name}: {scenario.about}; seed {seed}", style="bold", highlight=False)
    said: deque[str] = deque(maxlen=SAID_LINES_MAX)  # by the proxy; wanted where it does not start
    with _telling(said, console):
        seen = uvloop.run(Stage(scenario, seed, said.append).play())
    measures = measures_of(scenario, seen)
    told = Told(
        scenario=scenario.name,
        seed=seed,
        figures=figures_of(seen.result),
        measures=measures,
        lines=judge(scenario, measures),
        invalid=seen.result.invalid + ([] if seen.direct is None else seen.direct.invalid),
    )
    print_run(console, told, seen)
    return told


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sim.load.scenarios", description=__doc__)
    names = [scenario.name for scenario in SCENARIOS]
    parser.add_argument("--only", action="append", choices=names, help="may be given often")
    parser.add_argument("--seed", type=int, default=1, help="of the first run")
    parser.add_argument(
        "--seeds", type=int, choices=range(1, SEEDS_MAX + 1), default=1, metavar="N", help="runs each"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    parser.add_argument(
        "--beside-simulation", action="store_true", help="live and in virtual time, with the errors"
    )
    options = parser.parse_args(arguments)
    options.scenarios = [each for each in SCENARIOS if not options.only or each.name in options.only]
    if options.beside_simulation:
        options.scenarios = [each for each in options.scenarios if each.simulated_load is not None]
    return options


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
