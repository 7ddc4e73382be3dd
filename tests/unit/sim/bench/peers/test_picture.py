"""The picture: who is where, at a glance."""

import sys

import pytest

from sim.bench.peers.case import CASES, Case
from sim.bench.peers.picture import (
    LATE_MAX,
    NOBODY,
    OURS,
    OURS_PLAIN,
    READS,
    RELAYS,
    NoPictures,
    bars,
    colour,
    draw,
    reach,
    shown,
)
from sim.bench.peers.sample import Sample
from sim.bench.peers.summary import Spread, summarise


def case(name: str) -> Case:
    (found,) = (each for each in CASES if each.name == name)
    return found


def samples_of(name: str, field: str, **values: float) -> list[Sample]:
    return [
        Sample(peer=peer.replace("_", "-"), case=name, round=1, **{field: value})
        for peer, value in values.items()
    ]


@pytest.mark.parametrize(
    ("name", "field", "order"),
    [
        ("small-64", "per_s", ["envoy", "nginx", "penstock"]),
        ("idle", "connection_bytes", ["penstock", "nginx", "envoy"]),
    ],
)
def test_the_best_peer_is_on_top_whether_more_or_less_is_better(name, field, order) -> None:
    """Memory is not speed."""
    found = bars(case(name), summarise(samples_of(name, field, nginx=2.0, envoy=3.0, penstock=1.0)))
    assert [peer for peer, _ in found] == order


def test_the_open_loops_bars_are_what_is_added_and_direct_has_none() -> None:
    """Nothing is added to it."""
    found = bars(case("open-loop"), summarise(samples_of("open-loop", "p99_ms", direct=1.0, envoy=3.5)))
    assert [(peer, spread.median) for peer, spread in found] == [("envoy", 2.5)]


def test_a_peer_with_errors_is_marked_and_variants_by_few_rows_are_left_out() -> None:
    """A speed beside which no errors are told would be trusted."""
    samples = [
        Sample(peer="envoy", case="small-64", round=1, per_s=1.0, errors=7, trouble="7 not 2xx"),
        *samples_of("small-64", "per_s", penstock_6_rows=2.0, haproxy=3.0),
        Sample(peer="nginx", case="small-64", round=1),
    ]
    assert [peer for peer, _ in bars(case("small-64"), summarise(samples))] == ["haproxy", "envoy (!)"]


def test_one_late_peer_does_not_make_all_other_bars_invisible() -> None:
    """Its figure stands beside a bar that is cut off; a bar of speed never is."""
    late = [Spread(each, each, each) for each in (1.0, 2.0, 600.0)]
    assert reach(case("open-loop"), late) == 2.0 * LATE_MAX
    assert reach(case("open-loop"), late[:2]) == 2.0
    assert reach(case("small-64"), late) == 600.0


def test_bars_are_coloured_by_how_much_of_the_job_a_peer_does() -> None:
    """A relay that is faster than a proxy that reads the body has not won."""
    names = ("penstock-compiled (!)", "penstock", "envoy (!)", "nginx", "direct")
    assert [colour(name, {"envoy"}) for name in names] == [OURS, OURS_PLAIN, READS, RELAYS, NOBODY]


def test_the_same_figures_give_the_same_file_with_all_names_as_text(tmp_path) -> None:
    """It is kept in the repository: a change of it is a change of figures."""
    summaries = summarise(samples_of("small-64", "per_s", envoy=1000.0, penstock=2345.0))
    for name in ("a.svg", "b.svg"):
        draw(tmp_path / name, [case("small-64"), case("tls")], summaries, "a machine", {"envoy"})
    written = (tmp_path / "a.svg").read_text()
    assert written == (tmp_path / "b.svg").read_text()
    assert all(
        text in written
        for text in (
            ">penstock<",
            ">envoy<",
            ">2,345<",
            "64 connections",
            "a machine",
            "relays that do not read it",
        )
    )
    assert "over TLS" not in written


def test_without_matplotlib_there_is_no_picture_and_it_says_why(tmp_path, monkeypatch) -> None:
    """The figures are worth having without it."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(NoPictures, match="pip install matplotlib"):
        draw(tmp_path / "a.svg", CASES, [], "a machine", ())


@pytest.mark.parametrize(("value", "text"), [(12_345.6, "12,346"), (0.12345, "0.123"), (99.94, "99.9")])
def test_figures_in_the_picture_are_short(value, text) -> None:
    """Nobody reads a power of ten on a bar."""
    assert shown(value) == text
