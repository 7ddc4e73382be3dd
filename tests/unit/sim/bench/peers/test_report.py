"""What the reader is told; above all what could not be measured."""

import io
import sys

import msgspec
import pytest
from rich.console import Console

from sim.bench.peers.case import CASES, Case
from sim.bench.peers.contest import VARIANT
from sim.bench.peers.picture import NoPictures, bars, draw, shown
from sim.bench.peers.report import About, print_report
from sim.bench.peers.sample import Sample
from sim.bench.peers.summary import summarise


def case(name: str) -> Case:
    (found,) = (each for each in CASES if each.name == name)
    return found


def about(name: str, **fields) -> About:
    return About(name=name, version="1.0", does="something", lacks="", **fields)


def report(cases, abouts, samples, failures=()) -> str:
    out = io.StringIO()
    print_report(Console(file=out, width=150), cases, abouts, summarise(samples), failures)
    return out.getvalue()


def small(peer: str, **fields) -> Sample:
    base = Sample(peer=peer, case="small-64", round=1, per_s=12_345.0, p50_ms=1.25, p99_ms=2.5, cpu_us=55.5)
    return msgspec.structs.replace(base, **fields)


def test_a_measured_peer_has_a_row_with_its_figures() -> None:
    """Requests per second, latencies, the peer's own processor time, ratios."""
    text = report(
        [case("small-64")],
        [about("penstock"), about("envoy")],
        [small("penstock"), small("envoy", per_s=6e3)],
    )
    (row,) = (line for line in text.splitlines() if line.lstrip().startswith("penstock") and "12,345" in line)
    assert all(figure in row for figure in ("1.25", "2.50", "55.5", "2.06"))


def test_a_missing_peer_is_named_with_how_to_install_it() -> None:
    """One that is left out silently makes the others look better."""
    text = report([case("small-64")], [about("envoy", missing="not on this machine: pip install it")], [])
    assert "envoy: MISSING, not on this machine: pip install it" in text


def test_a_peer_that_cannot_take_part_is_named_with_the_reason() -> None:
    """Penstock too."""
    text = report([case("tls")], [about("penstock", left_out={"tls": "Penstock has no TLS"})], [])
    assert "penstock: left out: Penstock has no TLS" in text


def test_a_variant_is_named_only_where_it_is_measured() -> None:
    """It says nothing new elsewhere."""
    text = report([case("tls")], [about("penstock-6-rows", left_out={"tls": VARIANT})], [])
    assert "penstock-6-rows: left out" not in text


def test_a_peer_that_failed_is_named_in_the_case_and_with_the_reason_below() -> None:
    """Neither a start nor a probe fails silently."""
    text = report([case("small-64")], [about("envoy")], [], ["envoy did not start in round 1: boom"])
    assert "envoy: left out: not measured: see FAILED below" in text
    assert "FAILED: envoy did not start in round 1: boom" in text


def test_errors_and_doubts_stand_below_the_tables() -> None:
    """With their numbers."""
    samples = [
        small("envoy", errors=7, trouble="7 not 2xx"),
        small("nginx", doubt="others had 40% of its core"),
    ]
    text = report([case("small-64")], [about("envoy"), about("nginx")], samples)
    assert "TROUBLE: envoy, small-64: 7 not 2xx (7 errors in 1 rounds)" in text
    assert "doubtful: nginx, small-64: others had 40% of its core (1 of 1 rounds)" in text


def test_the_picture_has_a_bar_for_each_measured_peer_and_marks_those_with_trouble() -> None:
    """By what the case measures."""
    samples = [small("nginx"), small("envoy", trouble="7 not 2xx"), small("haproxy", per_s=None)]
    found = bars(case("small-64"), summarise(samples))
    assert [(name, spread.median) for name, spread in found] == [("envoy (!)", 12_345.0), ("nginx", 12_345.0)]


def test_without_matplotlib_there_is_no_picture_and_it_says_why(tmp_path, monkeypatch) -> None:
    """The figures are worth having without it."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(NoPictures, match="pip install matplotlib"):
        draw(tmp_path / "a.svg", CASES, [], "a machine")


@pytest.mark.parametrize(("value", "text"), [(12_345.6, "12,346"), (0.12345, "0.123"), (99.94, "99.9")])
def test_figures_in_the_picture_are_short(value, text) -> None:
    """Nobody reads a power of ten on a bar."""
    assert shown(value) == text
