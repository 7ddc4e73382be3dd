"""Clients with a burstiness of their own, from data of ServeGen's format made here."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from sim.shapes.clients import counts_of, flows, read_clients
from sim.shapes.errors import ShapeRefused, TraceRefused
from sim.shapes.fidelity import compared_to_clients, cv_of
from sim.shapes.scatter import ends

HEADER = "category,client,t_s,rate_rps,cv,family,p1,p2\n"
ROWS = [
    "a,0,0,5,6,Gamma,0.0278,7.2", "a,0,600,0,0,,0,0", "a,0,1200,8,2.5,Weibull,0.48,0.1",
    "a,1,0,2,1,Gamma,1,0.5", "a,1,600,2,0.3,Weibull,3.7,0.5", "a,1,1200,2,0,,0,0", "b,0,600,1,1,Gamma,1,1",
]  # fmt: skip


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "clients.csv.gz"
    path.write_bytes(gzip.compress((HEADER + "\n".join(ROWS) + "\n").encode()))
    return path


def test_each_window_of_a_client_has_its_count_and_its_burstiness(file: Path) -> None:
    """Clumped or regular, of either family; all within their windows."""
    windows = read_clients(file, "a")
    found = {(flow.client, int(flow.times_s[0] // 600)): flow for flow in flows(windows, 0, 1_800, 1.0, 3)}
    assert {key: len(flow.times_s) for key, flow in found.items()} == {
        ("a/0", 0): 3_000, ("a/0", 2): 4_800, ("a/1", 0): 1_200, ("a/1", 1): 1_200, ("a/1", 2): 1_200,
    }  # fmt: skip
    for (_, window), flow in found.items():
        assert (flow.times_s // 600 == window).all()
        assert cv_of(flow.times_s) == pytest.approx(flow.cv, rel=0.02, abs=0.01)


def test_a_schedule_of_clients_is_like_its_trace(file: Path) -> None:
    """The figures that the printed check tells are those of the data."""
    windows = read_clients(file, "a")
    places, counts = counts_of(windows, 0, 1_800)
    drawn = list(flows(windows, 0, 1_800, 1.0, 1))
    found = compared_to_clients(counts, windows.start_s[places], windows.width_s, drawn)
    assert [each.kept for each in found] == [True, True, True]
    assert found[0].wanted == found[0].found == 11_400
    thinned = compared_to_clients(counts, windows.start_s[places], windows.width_s, drawn[1:])
    assert not thinned[0].kept


def test_clients_do_not_all_begin_their_windows_at_once(file: Path) -> None:
    """A seam every ten minutes at which all clients send would be a burst that nobody measured."""
    times_s = np.concatenate([flow.times_s for flow in flows(read_clients(file), 0, 1_800, 1.0, 1)])
    assert not np.isin(times_s, (0.0, 600.0, 1_200.0)).any()


@pytest.mark.parametrize("scale", [0.0001, 0.01, 0.5, 3.0])
def test_a_scaled_sum_has_the_scaled_count(file: Path, scale: float) -> None:
    """Rounded over all windows, not in each: many small clients would vanish."""
    drawn = list(flows(read_clients(file), 0, 1_800, scale, 1))
    assert sum(len(flow.times_s) for flow in drawn) == round(12_000 * scale)


def test_the_longest_gap_of_a_window_is_not_cut_at_its_edge() -> None:
    """It is what makes the client bursty."""
    gaps = np.array([0.8, 0.05, 0.1, 0.05])
    assert np.diff(ends(gaps, np.random.default_rng(1))).max() == pytest.approx(0.8)


def test_a_client_draws_the_same_whoever_else_is_there(file: Path) -> None:
    """Its seed is its own."""
    one, two = (list(flows(read_clients(file, "a"), 0, to_s, 1.0, 5)) for to_s in (600, 1_800))
    assert one[0].times_s.tolist() == two[0].times_s.tolist()


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("a,9,0,x,1,Gamma,1,1", "clients.csv:9: rate_rps 'x' is not a number"),
        ("a,9,0,-1,1,Gamma,1,1", "clients.csv:9: rate_rps '-1' is not a number of 0 or more"),
        ("a,9,0,1,1,Pareto,1,1", "clients.csv:9: family 'Pareto' is none of Gamma, Weibull"),
        ("a,9,601,1,1,Gamma,1,1", "clients.csv:9: t_s 601 is off the grid of 600 s"),
        ("a,9,0,1,1,Gamma", "clients.csv:9: 6 cells; the header has 8"),
    ],
)
def test_a_bad_row_is_told_with_its_file_and_line(tmp_path: Path, row: str, said: str) -> None:
    """So that it can be gone to."""
    path = tmp_path / "clients.csv"
    path.write_text(HEADER + "\n".join([*ROWS, row]) + "\n")
    with pytest.raises(TraceRefused) as refused:
        read_clients(path)
    assert said in str(refused.value)


def test_an_unknown_category_is_told_with_those_that_there_are(file: Path) -> None:
    """A typing mistake."""
    with pytest.raises(ShapeRefused, match="no category 'c'; it has a, b"):
        read_clients(file, "c")
