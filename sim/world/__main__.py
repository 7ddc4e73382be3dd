"""`python -m sim.world`: random worlds, each under all checkers; 1 at a violation. Or the named scenarios.

`python -m sim.world scenarios --seeds 5 --baselines --jobs 2` makes one report of them all.
A violation is told with what led there and the command that replays it. The worlds are those of `--seed` and
of the numbers after it.
"""

import argparse
import sys
import time
from pathlib import Path

from sim.world.campaign import Campaign, Outcome
from sim.world.showing import Showing, show

TOLD_EVERY = 500


def main() -> int:
    """0 when every world keeps every rule, 1 at the first that does not."""
    options = _options()
    if options.what == "scenarios":
        return show(
            Showing(
                only=options.only,
                seeds=options.seeds,
                baselines=options.baselines,
                jobs=options.jobs,
                full=options.full,
                out=tuple(options.out),
            )
        )
    campaign = Campaign()
    began = time.monotonic()
    for number in range(options.worlds):
        outcome = campaign.run(options.seed + number)
        if outcome.violations:
            _tell(outcome)
            return 1
        if (number + 1) % TOLD_EVERY == 0:
            print(f"{number + 1} worlds, {campaign.requests} requests", flush=True)
    took_s = time.monotonic() - began
    print(
        f"{options.worlds} worlds kept every rule: {campaign.requests} requests, {campaign.calls} calls, ",
        end="",
    )
    print(f"{took_s:.0f} s, {campaign.requests / took_s:.0f} requests/s; digest of all {campaign.digest()}")
    for word, count in sorted(campaign.seen.items()):
        print(f"{count:>10}  {word}")
    return 0


def _tell(outcome: Outcome) -> None:
    for violation in outcome.violations:
        print(f"seed {outcome.seed}, {violation.at_s:.6f} s: {violation.rule}: {violation.what}")
        for event in violation.events:
            print(f"    {event}")
    print(f"replay: python -m sim.world --worlds 1 --seed {outcome.seed}")


def _count(text: str) -> int:
    """At least one: of none it cannot be said that they kept the rules."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number from 1 on")
    return int(text)


def _options() -> argparse.Namespace:
    options = argparse.ArgumentParser(prog="python -m sim.world", description=__doc__)
    options.add_argument("what", nargs="?", choices=("worlds", "scenarios"), default="worlds")
    options.add_argument("--worlds", type=_count, default=1_000, help="how many (1000)")
    options.add_argument("--seed", type=int, default=1, help="of the first (1)")
    options.add_argument("--only", default="", help="one scenario by its name")
    options.add_argument("--seeds", type=_count, default=5, help="of each scenario (5)")
    options.add_argument("--baselines", action="store_true", help="scenarios with other permits too")
    options.add_argument("--jobs", type=_count, default=1, help="processes that play scenarios (1)")
    options.add_argument("--full", action="store_true", help="scenarios at full size: a million tickets wait")
    options.add_argument(
        "--out", type=Path, action="append", default=[], metavar="FILE", help="write the report: .json or .md"
    )
    return options.parse_args()


if __name__ == "__main__":
    sys.exit(main())
