"""Real traces, replayed: count, burstiness, the busiest minute. Skipped, saying so, where they are absent."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sim.shapes.__main__ import main
from sim.shapes.clients import counts_of, flows, read_clients
from sim.shapes.drawing import draw
from sim.shapes.fidelity import Likeness, compared_to_clients, compared_to_log
from sim.shapes.recorded import read_times
from sim.shapes.series import read_milestones
from sim.shapes.shape import Log

Trace = Callable[[str], Path]
MANY = 10_000_000


def test_a_real_request_log_keeps_its_count_burstiness_and_busiest_minute(trace: Trace) -> None:
    """19,366 requests of an hour, to the request."""
    path = trace("requests/azure_llm_2023_conv.csv")
    found = compared_to_log(read_times(path), draw(Log(file=str(path)), 1, MANY).due_s)
    assert [(each.name, each.kept) for each in found if not each.kept] == []
    assert found[0].found == 19_366


def test_a_day_of_real_clients_keeps_its_count_burstiness_and_busiest_minute(trace: Trace) -> None:
    """More than a million requests."""
    windows = read_clients(trace("rates/servegen_clients_10min.csv.gz"), "deepseek-r1")
    places, counts = counts_of(windows, 0, 86_400)
    drawn = list(flows(windows, 0, 86_400, 1.0, 1))
    found = compared_to_clients(counts, windows.start_s[places], windows.width_s, drawn)
    assert [(each.name, each.off) for each in found if not each.kept] == []


def test_the_public_milestones_say_34_times_the_mean_at_midnight(trace: Trace) -> None:
    """What everybody remembers of that night."""
    path = trace("rates/double11_cumulative_public.csv")
    assert read_milestones(path, 2019).left[0] == pytest.approx(33.5, abs=0.1)


def test_the_check_prints_what_it_compared_and_exits_by_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """For a log of one's own."""
    (tmp_path / "log.csv").write_text("t\n" + "".join(f"{at**1.5}\n" for at in range(100)))
    assert main([str(tmp_path / "log.csv")]) == 0
    assert "busiest minute" in capsys.readouterr().out
    assert main([str(tmp_path / "none.csv")]) == 2
    assert "shapes: " in capsys.readouterr().err


@pytest.mark.parametrize(("wanted", "found", "kept"), [(100, 102, True), (100, 97.9, False), (0, 1, False)])
def test_a_likeness_is_kept_within_its_share(wanted: float, found: float, kept: bool) -> None:
    """In both directions."""
    assert Likeness("x", wanted, found, 0.02).kept == kept
