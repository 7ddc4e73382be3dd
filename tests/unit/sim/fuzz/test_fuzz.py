"""The fuzzer itself: the same seed makes the same cases, what fails is made small, kept, and replayed."""

import random
import sys
from pathlib import Path

import pytest

from sim.fuzz import __main__ as command
from sim.fuzz.campaign import Campaign
from sim.fuzz.case import CLUSTERS, EDGE, Case, Fault
from sim.fuzz.corpus import read_cases, write_cases
from sim.fuzz.cuts import cut
from sim.fuzz.grammar import draw
from sim.fuzz.judges import Judges
from sim.fuzz.shrink import shrunk


class Hostile(Judges):
    """Dislikes a word."""

    def judge(self, case: Case) -> str:
        if b"Cookie" in case.data:
            raise Fault("a biscuit")
        return "fine"


def test_a_seed_makes_the_same_cases_again() -> None:
    """Or nobody could look at what failed."""
    drawn = [[draw(random.Random(seed), end) for end in (EDGE, CLUSTERS)] for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.parametrize("end", [EDGE, CLUSTERS])
def test_cases_are_plain_and_odd_and_cut_in_every_way(end: str) -> None:
    """What decides between a short way and a long one must be among them, and often."""
    rng = random.Random(1)
    cases = [draw(rng, end) for _ in range(1000)]
    assert 200 < sum(case.valid for case in cases) < 500
    assert 100 < sum(case.tight for case in cases) < 300
    pieces = [cut(rng, case.data) for case in cases]
    assert [b"".join(each) for each in pieces] == [case.data for case in cases]
    assert all(all(each) for each in pieces)
    assert any(len(each) == len(case.data) > 100 for each, case in zip(pieces, cases, strict=True))


def test_a_failing_case_is_made_as_small_as_it_still_fails() -> None:
    """A person must read it."""
    case = Case(end=EDGE, data=b"GET / HTTP/1.1\r\nHost: a\r\nX: bad\r\n\r\nmore")
    assert shrunk(case, lambda each: b"bad" in each.data).data == b"bad"


def test_what_fails_is_kept_with_its_complaint_and_the_run_ends_after_many() -> None:
    """Twenty cases of one bug tell no more than one."""
    campaign = Campaign(1, (EDGE,), Hostile())
    campaign.run(10_000)
    assert 1 < len(campaign.found) <= 20
    assert campaign.cases < 10_000
    assert {(each.case.data, each.complaint) for each in campaign.found} == {(b"Cookie", "a biscuit")}


def test_an_exception_out_of_a_protocol_is_a_complaint(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is what is looked for first."""

    def breaks(*_: object) -> str:
        raise ZeroDivisionError

    monkeypatch.setattr("sim.fuzz.judges.judge_callers_stream", breaks)
    assert Judges().complaint(Case(end=EDGE, data=b"")).startswith("ZeroDivisionError")


def test_a_corpus_reads_as_it_was_written(tmp_path: Path) -> None:
    """Every byte counts."""
    every = bytes(range(256)) + b"\n\n\\n| > === #\r\n"
    cases = [
        Case(end=EDGE, data=every, name="every byte", cut_seed=7, tight=True, expected=("refused 400",)),
        Case(end=CLUSTERS, data=b"", name="none"),
        Case(end=CLUSTERS, data=b"\n", name="an end of line"),
    ]
    write_cases(tmp_path / "a.http", cases)
    assert list(read_cases(tmp_path / "a.http")) == cases


@pytest.mark.parametrize("text", ["=== a\nnowhere\n| GET\n", "=== a\nedge\nGET\n"])
def test_a_corpus_that_is_not_well_formed_is_refused(tmp_path: Path, text: str) -> None:
    """A line that is read over is a case that is not tested."""
    (tmp_path / "a.http").write_text(text)
    with pytest.raises(ValueError, match="a: "):
        list(read_cases(tmp_path / "a.http"))


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["sim.fuzz", *arguments])
    return command.main()


def test_the_command_writes_what_fails_and_replays_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the run to the file to the replay."""
    assert run(monkeypatch, "--cases", "100", "--seed", "1", "--out", str(tmp_path)) == 0
    assert list(tmp_path.iterdir()) == []
    assert "100 cases in" in capsys.readouterr().out
    monkeypatch.setattr("sim.fuzz.campaign.Judges", Hostile)
    monkeypatch.setattr("sim.fuzz.__main__.Judges", Hostile)
    assert run(monkeypatch, "--cases", "100", "--seed", "1", "--end", "edge", "--out", str(tmp_path)) == 1
    path = min(tmp_path.iterdir())
    assert f"python -m sim.fuzz --replay {path}" in capsys.readouterr().out
    assert run(monkeypatch, "--replay", str(path)) == 1
    assert "a biscuit" in capsys.readouterr().out


def test_a_run_ends_when_its_time_is_over_and_says_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """A nightly run has an hour, not a number."""
    said: list[str] = []
    monkeypatch.setattr("sim.fuzz.campaign.SAYS_EVERY_S", 0.0)
    campaign = Campaign(1)
    campaign.run(10**9, seconds=0.3, say=said.append)
    assert campaign.cases < 100_000
    assert any("cases" in line for line in said)
