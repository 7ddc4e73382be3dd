"""The rounds: everybody's turns, in a shuffled order, and nobody's failure stops the others."""

import shutil
import sys

import pytest

from sim.bench.peers import contest as contest_module
from sim.bench.peers.__main__ import Results, exit_code, main
from sim.bench.peers.case import CASES, chosen
from sim.bench.peers.contest import VARIANT, Contest, Entry, takes_part
from sim.bench.peers.machine import describe
from sim.bench.peers.peer import Peer, Running
from sim.bench.peers.probe import ProbeFailed
from sim.bench.peers.sample import Sample
from sim.bench.peers.summary import summarise
from sim.bench.peers.upstream import Upstreams


def peer(name: str, **fields) -> Peer:
    return Peer(name=name, does="", find=lambda: name, version=lambda _: "", **fields)


def case(name: str):
    (found,) = (each for each in CASES if each.name == name)
    return found


class Record:
    """Stands in for the probe and the measuring."""

    def __init__(self) -> None:
        self.measured: list[tuple[str, int, int]] = []
        self.spans: set[tuple[str, int]] = set()
        self.refuse = False
        self.speeds: dict[str, float] = {}

    def probe(self, port, **_) -> None:
        if self.refuse:
            raise ProbeFailed("status 503")

    def measure(self, aim, case, when, seconds, load) -> Sample:
        self.measured.append((aim.name, *when))
        self.spans.add((case.name, seconds))
        speeds = self.speeds.get(aim.name, [1.0])
        return Sample(peer=aim.name, case=case.name, round=when[0], per_s=speeds[when[1] % len(speeds)])


@pytest.fixture
def record(monkeypatch) -> Record:
    record = Record()
    monkeypatch.setattr(contest_module, "SETTLE_S", 0.0)
    monkeypatch.setattr(contest_module, "probe", record.probe)
    monkeypatch.setattr(contest_module, "measure", record.measure)
    return record


@pytest.fixture
def contest_of(tmp_path):
    def build(*peers: Peer, says=None, cases=("small-16",), seed=1) -> Contest:
        return Contest(
            entries=[Entry(each, sys.executable) for each in peers],
            cases=chosen(cases, quick=False),
            machine=describe(),
            upstream=None,
            upstreams=Upstreams(a=1, b=2, c=3),
            certificate=None,
            folder=tmp_path,
            seed=seed,
            say=(says if says is not None else []).append,
        )

    return build


def names(record: Record) -> list[str]:
    return [name for name, _, _ in record.measured]


def test_the_turns_of_a_case_go_round_all_peers(record, contest_of) -> None:
    """What the machine does meanwhile meets all alike; nobody has two turns before all others have one."""
    contest_of(peer("x"), peer("y"), peer("z")).rounds(2, turns=3, seconds=1, rate=1.0)
    assert [when[1:] for when in record.measured[::3]] == [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3)]
    for first in range(0, 18, 3):
        assert sorted(names(record)[first : first + 3]) == ["x", "y", "z"]


def test_the_order_is_shuffled_and_the_seed_repeats_it(record, contest_of) -> None:
    """Who comes first may profit; a run can be done again."""
    orders = []
    for seed in (1, 1, 2):
        record.measured.clear()
        contest_of(*(peer(name) for name in "uvwxyz"), seed=seed).rounds(3, turns=1, seconds=1, rate=1.0)
        orders.append(names(record))
    assert orders[0] == orders[1]
    assert orders[0] != orders[2]
    assert orders[0][:6] != orders[0][6:12]


def test_a_peer_and_its_twin_have_their_turns_one_after_the_other(record, contest_of) -> None:
    """Their ratio is a few hundredths: less than the machine changes within a minute."""
    peers = [peer("x"), peer("y"), peer("z"), peer("x-few", twin="x")]
    contest_of(*peers).rounds(20, turns=1, seconds=1, rate=1.0)
    turns = [names(record)[first : first + 4] for first in range(0, 80, 4)]
    gaps = [turn.index("x") - turn.index("x-few") for turn in turns]
    assert set(gaps) == {1, -1}


def test_all_peers_of_a_round_run_at_once_and_are_fresh_in_the_next(record, contest_of, monkeypatch) -> None:
    """No start lies between two turns that are compared; one lucky process does not serve all rounds."""
    events: list[str] = []

    class Stands:
        def __init__(self, name: str) -> None:
            self.stop = lambda: events.append(f"stop {name}")

    def started(peer, program, **_) -> Running:
        events.append(f"start {peer.name}")
        return Running(peer, Stands(peer.name), 1, 2)

    monkeypatch.setattr(contest_module, "start", started)
    peers = [peer(name, command=lambda *_: []) for name in "xy"]
    contest_of(*peers).rounds(2, turns=3, seconds=1, rate=1.0)
    assert events == ["start x", "start y", "stop y", "stop x"] * 2
    assert len(record.measured) == 12


def test_a_turn_of_the_open_loop_is_longer_and_idle_connections_have_one(record, contest_of) -> None:
    """A 99.9th percentile needs many requests, and a peer is fresh once."""
    proxy = peer("x", command=lambda *_: [])
    contest = contest_of(peer("y"), cases=("open-loop", "small-16"))
    contest.rounds(1, turns=2, seconds=2, rate=1.0)
    assert record.spans == {("open-loop", 6), ("small-16", 2)}
    assert (case("idle").turns(4), case("tls").turns(4), case("small-64").turns(4)) == (1, 4, 12)
    assert takes_part(proxy, case("idle"), tls=False) is None


def test_a_peer_that_does_not_start_is_told_and_the_others_are_measured(record, contest_of) -> None:
    """One broken package does not cost the whole run."""
    says: list[str] = []
    broken = peer("broken", command=lambda program, _: [program, "-c", "raise SystemExit('boom')"])
    contest = contest_of(broken, peer("sound"), says=says)
    contest.rounds(1, turns=1, seconds=1, rate=1.0)
    assert names(record) == ["sound"]
    (failure,) = contest.failures
    assert "broken did not start in round 1" in failure
    assert "boom" in failure
    assert f"  FAILED: {failure}" in says


def test_a_peer_that_fails_the_probe_is_not_measured(record, contest_of) -> None:
    """Its figures would be those of another job."""
    record.refuse = True
    contest = contest_of(peer("x"))
    contest.rounds(1, turns=1, seconds=1, rate=1.0)
    assert record.measured == []
    assert contest.failures == ["x failed the probe in round 1: status 503"]


def test_the_open_loops_rate_is_half_of_what_the_slowest_peer_can(record, contest_of) -> None:
    """Of its turns the middle one; variants do not count; with nobody there is none."""
    record.speeds = {"fast": [900.0], "slow": [20.0, 300.0, 4000.0], "variant": [10.0]}
    contest = contest_of(peer("fast"), peer("slow"), peer("variant", only=frozenset({"tls"})))
    assert contest.trial() == 150.0
    assert contest_of().trial() is None


def test_a_peer_is_measured_in_its_cases_only() -> None:
    """And why not in the others is said."""
    proxy = {"command": lambda *_: []}
    assert takes_part(peer("x", **proxy), case("small-64"), tls=True) is None
    assert takes_part(peer("x", unable={"tls": "has none"}, **proxy), case("tls"), tls=True) == "has none"
    assert takes_part(peer("x", only=frozenset({"tls"}), **proxy), case("idle"), tls=True) == VARIANT
    assert "no certificate" in (takes_part(peer("x", **proxy), case("tls"), tls=False) or "")
    assert "no proxy" in (takes_part(peer("x"), case("idle"), tls=True) or "")


def test_cases_are_chosen_by_name_and_a_slip_is_told() -> None:
    """A mistyped case must not quietly be none."""
    assert [each.name for each in chosen(["tls", "idle"], quick=False)] == ["idle", "tls"]
    assert chosen([], quick=False) == CASES
    with pytest.raises(ValueError, match=r"no case tsl; there are idle"):
        chosen(["tsl"], quick=False)


def test_a_smoke_run_opens_fewer_idle_connections_and_its_title_says_so() -> None:
    """Its figure is not to be taken for that of 10,000."""
    (idle,) = chosen(["idle"], quick=True)
    assert idle.connections == 500
    assert idle.title == "500 idle connections"


@pytest.mark.parametrize(
    ("failures", "troubled", "code"),
    [
        ([], (), 0),
        ([], ("aiohttp-relay",), 0),
        ([], ("penstock",), 1),
        ([], ("penstock-compiled",), 1),
        ([], ("direct",), 1),
        (["x"], (), 1),
    ],
)
def test_errors_of_penstock_and_of_the_harness_fail_the_run_and_those_of_others_are_results(
    failures, troubled, code
) -> None:
    """A relay that misses its own timeouts under load is what the benchmark is to show."""
    samples = [
        Sample(peer=name, case="small-64", round=1, errors=1, trouble="1 not 2xx") for name in troubled
    ]
    results = Results(
        machine=describe(), rounds=1, turns=1, seconds=1, seed=1, open_rate=1.0, peers=[], samples=samples,
        summaries=summarise(samples), failures=failures,
    )  # fmt: skip
    assert exit_code(results) == code


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--peers", "envoi"], "no peer envoi; there are direct, nginx"),
        (["--cases", "tsl"], "no case tsl; there are idle"),
        (["--rounds", "0"], "at least 1"),
    ],
)
def test_a_slip_in_the_options_is_told_and_nothing_is_run(arguments, message, capsys) -> None:
    """Not after ten minutes."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_without_a_generator_the_run_says_what_to_install(monkeypatch, capsys) -> None:
    """nginx is needed even where it is no peer: it is the upstream."""
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    assert main([]) == 1
    assert "apt-get install nginx-light wrk" in capsys.readouterr().out
