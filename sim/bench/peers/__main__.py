"""`python -m sim.bench.peers`: Penstock beside other proxies. Exit 1 when something could not be measured."""

import argparse
import secrets
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
from rich.console import Console

from sim.bench.peers.case import CASES, Case, at_rate, chosen
from sim.bench.peers.certificate import make_certificate
from sim.bench.peers.contest import Contest, Entry, takes_part
from sim.bench.peers.direct import DIRECT
from sim.bench.peers.envoy import ENVOY, ENVOY_RELAY
from sim.bench.peers.haproxy import HAPROXY, HAPROXY_LABEL
from sim.bench.peers.machine import Machine, describe
from sim.bench.peers.markdown import markdown
from sim.bench.peers.nginx import NGINX
from sim.bench.peers.peer import Peer
from sim.bench.peers.penstock import PENSTOCK, PENSTOCK_COMPILED, PENSTOCK_COMPILED_FEW, PENSTOCK_FEW
from sim.bench.peers.picture import NoPictures, draw
from sim.bench.peers.relay import RELAY
from sim.bench.peers.report import About, print_report
from sim.bench.peers.sample import Sample
from sim.bench.peers.server import pinned
from sim.bench.peers.summary import TWINS, Summary, summarise
from sim.bench.peers.upstream import start_upstreams
from sim.bench.peers.wrk import find_wrk

PEERS = (
    *(DIRECT, NGINX, HAPROXY, HAPROXY_LABEL, ENVOY, ENVOY_RELAY, RELAY),
    *(PENSTOCK, PENSTOCK_FEW, PENSTOCK_COMPILED, PENSTOCK_COMPILED_FEW),
)
ROUNDS, TURNS, SECONDS = 5, 2, 1
WIDTH = 190
"""Of the tables in a file or a pipe."""


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """The JSON file."""

    machine: Machine
    rounds: int
    turns: int  # of each peer in each case of a round
    seconds: int  # of a turn
    seed: int
    open_rate: float | None
    peers: list[About]
    summaries: list[Summary]
    samples: list[Sample]
    failures: list[str]


def main(arguments: Sequence[str]) -> int:
    """Run, print, write the files that were asked for."""
    options = _options(arguments)
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    began_s = time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that servers are ended
    lacking = [name for name, found in (("nginx-light", NGINX.find()), ("wrk", find_wrk())) if not found]
    if lacking:
        console.print(f"the benchmark needs {' and '.join(lacking)}: apt-get install {' '.join(lacking)}")
        return 1
    machine = describe()
    console.print(f"{machine.text}; seed {options.seed}", soft_wrap=True)
    with tempfile.TemporaryDirectory(prefix="penstock-peers-") as folder, pinned(machine.load_core):
        results = _run(options, machine, Path(folder), console)
    cases = at_rate(options.cases, results.open_rate or 0.0)
    print_report(console, cases, results.peers, results.summaries, results.failures)
    console.print(f"{time.monotonic() - began_s:.0f} s")
    _write(options, cases, results, console)
    return exit_code(results)


def exit_code(results: Results) -> int:
    """1 when a peer could not be measured at all, or Penstock or the harness itself had errors.

    Errors of another peer under load (a relay that misses its own timeouts) are a result, told in red.
    """
    ours = {DIRECT.name, *TWINS, *TWINS.values()}
    wrong = any(summary.trouble for summary in results.summaries if summary.peer in ours)
    return 1 if results.failures or wrong else 0


def _run(options: argparse.Namespace, machine: Machine, folder: Path, console: Console) -> Results:
    program = NGINX.find()
    assert program is not None
    found = {peer.name: peer.find() for peer in options.peers}
    entries = [Entry(peer, path) for peer in options.peers if (path := found[peer.name]) is not None]
    certificate = make_certificate(folder)
    server, upstreams = start_upstreams(program, machine.load_core, folder)
    contest = Contest(
        entries=entries,
        cases=options.cases,
        machine=machine,
        upstream=server,
        upstreams=upstreams,
        certificate=certificate,
        folder=folder,
        seed=options.seed,
        say=lambda text: console.print(text, markup=False, highlight=False, soft_wrap=True),
    )
    try:
        rate = contest.trial() if options.rate is None else options.rate
        if rate:
            contest.rounds(options.rounds, turns=options.turns, seconds=options.seconds, rate=rate)
    finally:
        server.stop()
    abouts = [
        _about(peer, found[peer.name], options.cases, tls=certificate is not None) for peer in options.peers
    ]
    return Results(
        machine=machine,
        rounds=options.rounds,
        turns=options.turns,
        seconds=options.seconds,
        seed=options.seed,
        open_rate=rate,
        peers=abouts,
        summaries=summarise(contest.samples),
        samples=contest.samples,
        failures=contest.failures,
    )


def _about(peer: Peer, program: str | None, cases: Sequence[Case], *, tls: bool) -> About:
    left_out = {case.name: takes_part(peer, case, tls=tls) for case in cases}
    return About(
        name=peer.name,
        version="" if program is None else peer.version(program),
        does=peer.does,
        lacks=peer.lacks,
        missing=f"not on this machine: {peer.install}" if program is None else "",
        left_out={name: why for name, why in left_out.items() if why is not None},
    )


def _write(options: argparse.Namespace, cases: Sequence[Case], results: Results, console: Console) -> None:
    if options.json is not None:
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode(results)) + b"\n")
        console.print(f"figures: {options.json}", soft_wrap=True)
    if options.markdown is not None:
        written = markdown(cases, results.peers, results.summaries, results.failures)
        options.markdown.write_text(f"{written}\n{_measured(results)}\n", encoding="utf-8")
        console.print(f"tables: {options.markdown}", soft_wrap=True)
    if options.picture is not None:
        readers = {peer.name for peer in options.peers if peer.reads_label}
        try:
            draw(options.picture, cases, results.summaries, _measured(results), readers)
        except NoPictures as error:
            console.print(f"no picture: {error}", style="red", soft_wrap=True)
        else:
            console.print(f"picture: {options.picture}", soft_wrap=True)


def _measured(results: Results) -> str:
    return (
        f"Medians of {results.rounds} rounds and their lowest and highest; in each {results.turns} turns of"
        f" {results.seconds} s, more with 64 connections, the peers by turns. {results.machine.text}."
    )


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    options = argparse.ArgumentParser(prog="python -m sim.bench.peers", description=__doc__)
    add = options.add_argument
    add("--rounds", type=_count, default=None, help=f"{ROUNDS}, with --quick 1")
    add("--turns", type=_count, default=None, help=f"of each peer in a round's case: {TURNS}, with --quick 1")
    add(
        "--seconds",
        type=_count,
        default=SECONDS,
        help=f"of a turn: {SECONDS}; three times that in the open loop",
    )
    add("--cases", default="", help="comma list of " + ", ".join(case.name for case in CASES))
    add("--peers", default="", help="comma list of " + ", ".join(peer.name for peer in PEERS))
    add("--rate", type=float, default=None, help="of the open loop; half of what the slowest peer can")
    add("--seed", type=int, default=secrets.randbelow(10_000), help="of the order of the turns")
    add("--json", type=Path, default=None, metavar="FILE", help="write all figures there")
    add("--markdown", type=Path, default=None, metavar="FILE", help="write the tables there, for a README")
    add("--picture", type=Path, default=None, metavar="FILE", help="write a picture there, SVG")
    add("--quick", action="store_true", help="a smoke run: one round of one second, fewer cases")
    parsed = options.parse_args(arguments)
    parsed.rounds = parsed.rounds or (1 if parsed.quick else ROUNDS)
    parsed.turns = parsed.turns or (1 if parsed.quick else TURNS)
    try:
        parsed.cases = chosen(_names(parsed.cases), quick=parsed.quick)
        parsed.peers = _peers(_names(parsed.peers))
    except ValueError as error:
        options.error(str(error))
    return parsed


def _peers(names: Sequence[str]) -> tuple[Peer, ...]:
    known = {peer.name: peer for peer in PEERS}
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise ValueError(f"no peer {', '.join(unknown)}; there are {', '.join(known)}")
    return tuple(peer for peer in PEERS if not names or peer.name in names)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return count


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
