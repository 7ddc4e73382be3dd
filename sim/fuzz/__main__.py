"""`python -m sim.fuzz`: fuzz both ends of the data path; 1 when a case fails, which is then in the corpus.

A failing case is made small and written to the corpus, which the tests replay; `--replay` judges a file.
"""

import argparse
import random
import sys
import time
from pathlib import Path

from sim.fuzz.campaign import Campaign, Found
from sim.fuzz.case import CLUSTERS, EDGE
from sim.fuzz.corpus import FOLDER, SUFFIX, case_text, read_cases, write_cases
from sim.fuzz.judges import Judges


def main() -> int:
    """0 when every case holds, 1 when one fails, 2 (from argparse) when an argument is wrong."""
    options = _options()
    return _replay(options.replay) if options.replay else _fuzz(options)


def _fuzz(options: argparse.Namespace) -> int:
    ends = (EDGE, CLUSTERS) if options.end == "both" else (options.end,)
    campaign = Campaign(options.seed, ends)
    print(f"seed {options.seed}, {' and '.join(ends)}", flush=True)
    campaign.tell = lambda found: _tell(found, options.out, options.seed)
    began = time.monotonic()
    campaign.run(options.cases, seconds=options.seconds, say=lambda line: print(line, flush=True))
    took_s = time.monotonic() - began
    for word, count in campaign.seen.most_common():
        print(f"{count:>10}  {word}")
    print(f"{campaign.cases} cases in {took_s:.0f} s, {campaign.cases / took_s:.0f} a second, ", end="")
    print(f"{len(campaign.found)} failed; seed {options.seed}")
    return bool(campaign.found)


def _tell(found: Found, folder: Path, seed: int) -> None:
    path = folder / f"found-{seed}-{found.case.name.split()[-1]}{SUFFIX}"
    write_cases(path, [found.case])
    told = f"{found.complaint}\n{case_text(found.case)}replay: python -m sim.fuzz --replay {path}\n"
    print(told, flush=True)


def _replay(path: Path) -> int:
    judges = Judges()
    failed = 0
    for case in read_cases(path):
        complaint = judges.complaint(case)
        failed += bool(complaint)
        print(f"{case.name}: {complaint or judges.judge(case)}")
    return bool(failed)


def _options() -> argparse.Namespace:
    options = argparse.ArgumentParser(prog="python -m sim.fuzz", description=__doc__)
    options.add_argument("--cases", type=int, default=100_000, help="how many (100000)")
    options.add_argument("--seconds", type=float, default=float("inf"), help="stop after so long")
    options.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    options.add_argument("--end", choices=(EDGE, CLUSTERS, "both"), default="both")
    options.add_argument(
        "--out", type=Path, default=FOLDER, help="where failing cases go (the tests' corpus)"
    )
    options.add_argument("--replay", type=Path, metavar="FILE", help="judge the cases of a file instead")
    return options.parse_args()


if __name__ == "__main__":
    sys.exit(main())
