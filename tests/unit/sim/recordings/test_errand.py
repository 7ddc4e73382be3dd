"""`penstock simulate RECORDING` and `penstock calibrate --fit`, as operators call them."""

from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from proxy.cli import commands
from proxy.errors import PenstockError
from proxy.routing.table import digest_of
from sim.fleet.fleet import ServiceTime
from sim.fleet.writing import written
from sim.recordings.contrast import Contrast
from tests.stand_ins.recordings import HEADER, end, row, write
from tests.unit.sim.recordings.known import fleet_of, table_of

ROWS = 400


@pytest.fixture
def night(tmp_path: Path) -> Path:
    """A folder: a recording of two labels, the table, the fleet."""
    rows = [
        row(place * 0.01, labels=(str(1 + place % 2),), class_name=("urgent", "default")[place % 2])
        for place in range(ROWS)
    ]
    write(tmp_path / "traffic.jsonl", rows, end(ROWS, seconds=5.0))
    (tmp_path / "usual.yaml").write_text(table_of().replace('label: "1"}', 'label: "1,2"}'))
    (tmp_path / "candidate.yaml").write_text(table_of())
    (tmp_path / "slow.yaml").write_text(
        table_of(limits=", concurrency: 1").replace('label: "1"}', 'label: "1,2"}')
    )
    (tmp_path / "fleet.yaml").write_text(written(fleet_of(ServiceTime(base_s=0.01))))
    return tmp_path


def simulate(night: Path, *arguments: str) -> Result:
    named = [str(night / each) if each.endswith((".yaml", ".jsonl")) else each for each in arguments]
    return CliRunner().invoke(commands, ["simulate", *named])


def test_a_candidate_that_has_no_row_for_recorded_labels_says_so_first(night: Path) -> None:
    """Half of the night would get 404. The page is written where it is asked for."""
    result = simulate(
        night, "traffic.jsonl", "--table", "candidate.yaml", "--against", "usual.yaml", "--fleet",
        "fleet.yaml", "--out", str(night / "out"),
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    first, second = result.output.splitlines()[:2]
    assert first == "REFUSES 200 of 400 requests with 404, which have a row now: labels 2 (200)"
    assert second == "200 of 400 requests (50.0%) have other rows"
    assert "another one than the one compared with" in result.output
    assert {each.name for each in (night / "out").iterdir()} == {"compare.html", "contrast.json"}
    assert "Two replays" in (night / "out" / "compare.html").read_text()


def test_the_same_table_twice_changes_nothing(night: Path) -> None:
    """The same seed, the same draws."""
    result = simulate(
        night, "traffic.jsonl", "--table", "usual.yaml", "--against", "usual.yaml", "--fleet", "fleet.yaml",
        "--json",
    )  # fmt: skip
    found = msgspec.json.decode(result.output, type=Contrast)
    assert found.answer.startswith("NO CHANGE")
    assert (found.rerouted, found.requests) == (0, ROWS)
    assert all(pair.before == pair.after for pair in found.classes.values())
    assert found.classes["all"].after.served == ROWS


def test_a_candidate_that_is_short_of_permits_shows_its_tickets(night: Path) -> None:
    """One call of 10 ms at a time, one request every 10 ms: they queue up, and default has no deadline."""
    result = simulate(
        night, "traffic.jsonl", "--table", "slow.yaml", "--against", "usual.yaml", "--fleet", "fleet.yaml",
        "--json",
    )  # fmt: skip
    found = msgspec.json.decode(result.output, type=Contrast)
    assert found.classes["default"].after.tickets > found.classes["default"].before.tickets == 0
    assert found.answer.startswith("WORSE for")
    assert "default (in time" in found.answer


def test_without_another_table_the_live_traffic_stands_beside_it(night: Path) -> None:
    """How far the simulation is from what was: signed errors, all of it first."""
    result = simulate(night, "traffic.jsonl", "--table", "usual.yaml", "--fleet", "fleet.yaml")
    assert result.exit_code == 0, result.output
    first = result.output.splitlines()[0]
    assert first == "SIMULATED beside live: throughput +0.0%, p50 +4.0%, p99 +4.0%, tickets +0"


def test_the_table_that_was_in_force_is_not_doubted(night: Path) -> None:
    """Its digest stands in the recording."""
    source = (night / "usual.yaml").read_bytes()
    about = msgspec.structs.replace(HEADER.about, digest=digest_of(source))
    path = night / "traffic.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    header = msgspec.json.encode(msgspec.structs.replace(HEADER, about=about)) + b"\n"
    path.write_bytes(header + b"".join(lines[1:]))
    result = simulate(night, "traffic.jsonl", "--table", "usual.yaml", "--fleet", "fleet.yaml")
    assert "another one" not in result.output


def test_doubts_about_the_recording_are_said(night: Path) -> None:
    """Cut off, and two tables."""
    write(night / "part.jsonl", [row(1.0), row(2.0, table=2)], cut=True)
    result = simulate(night, "part.jsonl", "--table", "usual.yaml", "--fleet", "fleet.yaml")
    assert "cut off" in result.output
    assert "2 tables were in force" in result.output


@pytest.mark.parametrize(
    "arguments",
    [
        ("traffic.jsonl", "--table", "usual.yaml"),
        ("traffic.jsonl", "--fleet", "fleet.yaml"),
        ("usual.yaml", "--table", "usual.yaml", "--fleet", "fleet.yaml", "--against", "usual.yaml"),
        ("usual.yaml", "--table", "usual.yaml", "--fleet", "fleet.yaml", "--json"),
    ],
)
def test_options_that_do_not_go_together_are_refused(night: Path, arguments: tuple[str, ...]) -> None:
    """A plan is judged by its thresholds, a recording by another table."""
    assert simulate(night, *arguments).exit_code == 2


def test_a_recording_of_nothing_is_refused(night: Path) -> None:
    """There is nothing to say of it."""
    write(night / "empty.jsonl", [])
    result = simulate(night, "empty.jsonl", "--table", "usual.yaml", "--fleet", "fleet.yaml")
    assert isinstance(result.exception, PenstockError)
    assert "nobody sent anything" in str(result.exception)


def test_fit_prints_a_fleet_that_simulate_reads(night: Path) -> None:
    """Notes go to standard error: the output is the file."""
    runner = CliRunner()
    result = runner.invoke(commands, ["calibrate", "--fit", str(night / "traffic.jsonl")])
    assert result.exit_code == 0, result.output
    assert "note: 1: no bend shows" in result.stderr
    (night / "fitted.yaml").write_text(result.stdout)
    found = simulate(night, "traffic.jsonl", "--table", "usual.yaml", "--fleet", "fitted.yaml")
    assert found.output.startswith("SIMULATED beside live: throughput +0.0%, p50 +0.0%")


@pytest.mark.parametrize(
    "arguments", [(), ("http://127.0.0.1:1",), ("http://127.0.0.1:1", "--fit", "traffic.jsonl")]
)
def test_calibrate_loads_an_endpoint_or_reads_a_recording(night: Path, arguments: tuple[str, ...]) -> None:
    """Not both, and not nothing."""
    named = [str(night / each) if each.endswith(".jsonl") else each for each in arguments]
    assert CliRunner().invoke(commands, ["calibrate", *named]).exit_code == 2
