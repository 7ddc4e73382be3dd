"""What the reader is told; above all what could not be measured."""

import io

import msgspec
from rich.console import Console

from sim.bench.peers.case import CASES, Case
from sim.bench.peers.contest import VARIANT
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
    print_report(Console(file=out, width=190), cases, abouts, summarise(samples), failures)
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
    assert "doubtful: nginx, small-64: others had 40% of its core (1 of 1 turns)" in text


def test_ratios_stand_below_a_saturated_case_with_their_spread_over_the_rounds() -> None:
    """And what 10,000 rows cost beside 6: a median alone would hide how sure it is."""
    speeds = {"penstock": (50.0, 60.0), "envoy": (100.0, 100.0), "penstock-6-rows": (50.0, 61.0)}
    samples = [
        small(peer, round=number, per_s=per_s)
        for peer, found in speeds.items()
        for number, per_s in enumerate(found)
    ]
    text = report([case("small-64")], [about(name) for name in speeds], samples)
    assert "penstock, answers/s: ×envoy 0.55 (0.50–0.60)" in text
    assert "penstock, CPU: ×envoy 1.00 (1.00–1.00)" in text
    assert "10,000 rows: penstock over penstock-6-rows: answers/s 0.99 (0.98–1.00), CPU 1.00" in text
    assert "envoy, answers/s" not in text


def test_what_the_open_loop_adds_is_told_with_its_spread() -> None:
    """Speeds are not compared there: they are all the same."""
    samples = [
        Sample(peer=peer, case="open-loop", round=number, per_s=1e3, p50_ms=1.0, p99_ms=p99_ms, p999_ms=9.0)
        for peer, found in {"direct": (1.0, 1.0), "penstock": (3.0, 4.0)}.items()
        for number, p99_ms in enumerate(found)
    ]
    text = report([case("open-loop")], [about("direct"), about("penstock")], samples)
    assert "+2.50 (+2.00 to +3.00)" in text
    assert "×" not in text
