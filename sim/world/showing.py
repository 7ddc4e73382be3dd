"""Runs the scenarios in one process or several, tells how far it is, and makes the report of them all."""

import multiprocessing
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import msgspec

from sim.world.baselines import BASELINES, OWN
from sim.world.markdown import markdown
from sim.world.play import Played, Turn, named, play
from sim.world.report import Report, ScenarioReport, limiter_report
from sim.world.scenarios import SCENARIOS

PASSED, FAILED, UNKNOWN = 0, 1, 2


class Showing(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be shown: `only` one scenario by its name, or all; seeds from 1 on; `baselines` beside."""

    only: str = ""
    seeds: int = 5
    baselines: bool = False
    jobs: int = 1
    full: bool = False
    out: tuple[Path, ...] = ()  # JSON or Markdown, by the ending

    @property
    def limiters(self) -> list[str]:
        """Whose limits are tried."""
        return list(BASELINES) if self.baselines else [OWN]


def show(wanted: Showing) -> int:
    """0 when every line of every scenario holds with the proxy's own permits."""
    names = [each.name for each in SCENARIOS if wanted.only in ("", each.name)]
    if not names:
        print(f"no scenario '{wanted.only}'; there are: {', '.join(each.name for each in SCENARIOS)}")
        return UNKNOWN
    report = report_of(wanted, names)
    print(markdown(report))
    for path in wanted.out:
        text = markdown(report) if path.suffix == ".md" else _json(report)
        path.write_text(text + "\n")
    return FAILED if report.failed else PASSED


def report_of(wanted: Showing, names: Sequence[str]) -> Report:
    """Run all of it."""
    seeds = list(range(1, wanted.seeds + 1))
    turns = [
        Turn(scenario=name, limiter=limiter, seed=seed, full=wanted.full)
        for name in names
        for limiter in wanted.limiters
        for seed in seeds
    ]
    played: dict[tuple[str, str], list[Played]] = {}
    with _players(wanted.jobs) as players:
        for number, each in enumerate(players(turns), 1):
            played.setdefault((each.turn.scenario, each.turn.limiter), []).append(each)
            _tell(number, len(turns), each)
    scenarios = [
        ScenarioReport(
            name=name,
            about=named(name).about,
            limiters=[limiter_report(played[name, limiter]) for limiter in wanted.limiters],
        )
        for name in names
    ]
    return Report(seeds=seeds, full=wanted.full, scenarios=scenarios)


@contextmanager
def _players(jobs: int) -> Iterator[Callable[[list[Turn]], Iterable[Played]]]:
    """In this process, or in so many others; the results come in the order of the turns."""
    if jobs == 1:
        yield lambda turns: map(play, turns)
        return
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        yield lambda turns: pool.map(play, turns)


def _tell(number: int, count: int, each: Played) -> None:
    turn, failed = each.turn, [line.what for line in each.lines if not line.holds]
    held = "passes" if not (failed or each.broken) else f"misses {', '.join(failed + each.broken)}"
    print(
        f"{number} of {count}: {turn.scenario} ({turn.limiter}, seed {turn.seed}): "
        f"{each.requests:,} requests in {each.took_s:.1f} s, {held}",
        file=sys.stderr,
        flush=True,
    )


def _json(report: Report) -> str:
    return msgspec.json.format(msgspec.json.encode(report)).decode()
