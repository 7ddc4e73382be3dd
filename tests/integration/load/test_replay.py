"""`penstock replay` and `penstock report` as users run them, against stub model servers and a proxy."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import msgspec
import pytest

from sim.replay.files import read_outcome
from sim.replay.outcome import Outcome
from sim.stubs.behaviours import AnyBehaviour, Latency, Ok, Sequence, Status
from sim.stubs.server import StubServer

PLAN = """\
version: 1
name: trial
target: {url}/v2/models/m/infer
punctuality: {{p50: 2000, p99: 5000}}
minimumSample: 10
stages:
  - {{name: quiet, shape: {{kind: constant, rate: 40, seconds: 1, arrivals: even}}}}
  - {{name: peak, shape: {{kind: constant, rate: 200, seconds: 0.5}}}}
  - {{name: after, shape: {{kind: constant, rate: 40, seconds: 1}}}}
classes:
  - {{name: a, weight: 1, deadline: 5000, label: [7, 9]}}
  - {{name: b, weight: 3, deadline: 5, label: 8}}
{more}
"""

ENVIRONMENT = {"PYTHONPATH": str(Path(__file__).parents[3]), "PATH": "/usr/bin:/bin"}


async def penstock(*arguments: str, folder: Path) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "proxy.cli", *arguments),
        cwd=folder,
        env={**ENVIRONMENT, "MPLCONFIGDIR": str(folder)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()


async def replayed(
    folder: Path, more: str, behaviour: AnyBehaviour | None = None
) -> tuple[int, str, Outcome, list[bytes]]:
    """One replay of PLAN with `more` at its end: exit code, what was said, the outcome, bodies received."""
    async with StubServer(behaviour=behaviour or Ok()) as stub:
        (folder / "plan.yaml").write_text(PLAN.format(url=stub.url, more=more))
        status, said = await penstock("replay", "plan.yaml", "--out", "out", folder=folder)
        bodies = [call.body for call in stub.calls]
    assert (folder / "out").exists(), said
    return status, said, read_outcome(folder / "out"), bodies


async def test_a_plan_that_is_met_exits_0_and_leaves_a_whole_report(tmp_path: Path) -> None:
    """Every request of the schedule was sent with its class's label, and stands in each of the files."""
    more = "processes: 2\nthresholds:\n  a: [goodput > 90%, 'lost == 0', p50 < 4s in peak]\n"
    status, said, outcome, bodies = await replayed(tmp_path, more, Latency(delay=0.02))
    assert (status, outcome.verdict, outcome.invalid) == (0, "MET", []), said
    labels = [msgspec.json.decode(each)["parameters"]["label"] for each in bodies]
    whole, a, b = (outcome.classes[name].figures for name in ("all", "a", "b"))
    assert (labels.count("7") + labels.count("9"), labels.count("8")) == (a.arrivals, b.arrivals)
    assert min(labels.count("7"), labels.count("9")) > 0
    assert outcome.generator.processes == 2
    assert whole.arrivals == a.arrivals + b.arrivals == 180
    assert (a.good, b.good, b.late) == (a.arrivals, 0, b.arrivals)
    assert a.latency_ms["p50"] >= 20
    assert sum(outcome.classes["all"].course.arrivals) == 180
    lines = (tmp_path / "out" / "requests.jsonl").read_bytes().splitlines()
    rows = [msgspec.json.decode(line) for line in lines]
    assert len(rows) == 180
    assert rows[0]["planned_s"] == 0 < rows[0]["sent_s"] < rows[0]["ended_s"]
    assert "Percentile TotalCount" in (tmp_path / "out" / "a.hgrm").read_text()


async def test_the_page_needs_no_network_and_says_the_verdict_first(tmp_path: Path) -> None:
    """It is read at three in the morning, on a machine behind a wall."""
    _, _, _, _ = await replayed(tmp_path, "thresholds: {b: [goodput > 99%]}", Latency(delay=0.02))
    page = (tmp_path / "out" / "report.html").read_text()
    assert page.index(">MISSED<") < page.index("<svg")
    assert page.count("<svg") == 4
    outside = (
        page.replace("http://www.w3.org", "").replace("http://purl.org", "").replace("http://127.0.0.1", "")
    )
    assert not [
        each
        for each in ("src=", "<script", "<link", "@import", "url(http", "http://", "https://")
        if each in outside.replace("http://creativecommons.org", "").replace("https://matplotlib.org", "")
    ]
    assert "#010101" not in page


async def test_a_missed_threshold_exits_99(tmp_path: Path) -> None:
    """A release can be gated on it."""
    status, said, outcome, _ = await replayed(
        tmp_path, "thresholds: {all: ['refused == 0']}", Status(code=503)
    )
    assert (status, outcome.verdict) == (99, "MISSED"), said
    assert outcome.classes["all"].figures.refused == 180
    assert "MISSED all: refused == 0, was 180" in said


async def test_a_percentile_of_too_few_answers_makes_the_run_invalid(tmp_path: Path) -> None:
    """98, although the figure would have met the threshold."""
    more = "thresholds: {a: [p99 < 60s]}"
    async with StubServer() as stub:
        plan = PLAN.format(url=stub.url, more=more).replace("minimumSample: 10\n", "")
        (tmp_path / "plan.yaml").write_text(plan)
        status, said = await penstock("replay", "plan.yaml", "--out", "out", folder=tmp_path)
    assert status == 98, said
    assert "1,000 are needed" in said


async def test_a_generator_that_cannot_keep_its_schedule_makes_the_run_invalid(tmp_path: Path) -> None:
    """One connection cannot carry 200 a second to a server that takes 50 ms."""
    status, said, outcome, _ = await replayed(tmp_path, "limits: {connections: 1}", Latency(delay=0.05))
    assert (status, outcome.exit_code) == (98, 98), said
    assert any("limit of connections" in each for each in outcome.invalid)


async def test_faults_happen_at_their_time_and_one_that_fails_makes_the_run_invalid(tmp_path: Path) -> None:
    """A drill that did not take place proves nothing."""
    more = (
        "faults:\n"
        "  - {name: mark, at: 0.5, run: [touch, happened]}\n"
        "  - {name: gone, at: 1, http: {url: 'http://127.0.0.1:1/drain'}}\n"
        "  - {name: fails, at: 1, run: ['false']}\n"
    )
    status, said, outcome, _ = await replayed(tmp_path, more)
    assert (tmp_path / "happened").exists()
    assert {each.name: each.well for each in outcome.faults} == {"mark": True, "fails": False, "gone": False}
    assert all(each.began_s >= each.planned_s for each in outcome.faults)
    assert status == 98, said
    assert "the fault 'fails' did not happen: exit 1" in said


async def test_a_fault_that_comes_too_late_for_the_run_makes_it_invalid(tmp_path: Path) -> None:
    """A drill planned after the end never took place."""
    status, said, _, _ = await replayed(tmp_path, "faults: [{name: late, at: 500, run: ['true']}]")
    assert status == 98, said
    assert "the fault 'late' did not happen: the run had ended" in said


async def test_the_abort_rule_ends_the_run_and_what_was_not_due_is_not_counted(tmp_path: Path) -> None:
    """Nobody waits ten minutes for what is known after two seconds."""
    async with StubServer(behaviour=Sequence(behaviours=(Ok(), Status(code=503)))) as stub:
        plan = PLAN.format(url=stub.url, more="abort: {failed: 90, for: 1}\nthresholds: {a: ['lost == 0']}")
        plan = plan.replace("rate: 40, seconds: 1}", "rate: 40, seconds: 60}")
        (tmp_path / "plan.yaml").write_text(plan)
        status, said = await penstock("replay", "plan.yaml", "--out", "out", folder=tmp_path)
    assert status == 99, said
    outcome = read_outcome(tmp_path / "out")
    assert status == 99, said
    assert outcome.seconds < 30
    assert outcome.classes["all"].figures.arrivals < 1_500
    assert "ABORTED" in said


async def test_two_reports_are_laid_over_each_other(tmp_path: Path) -> None:
    """With what differs between the runs said on top; what is no report is refused in a line."""
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        folder.mkdir()
    await replayed(one, "")
    await replayed(two, "seed: 2")
    status, said = await penstock("report", "compare", "one/out", "two/out/result.json", folder=tmp_path)
    assert status == 0, said
    page = (tmp_path / "compare.html").read_text()
    assert "The runs differ in seed." in page
    assert page.count("<svg") == 6
    (tmp_path / "bad.json").write_text("{}")
    status, said = await penstock("report", "compare", "one/out", "bad.json", folder=tmp_path)
    assert (status, "bad.json is no result" in said) == (2, True), said


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("thresholds: {c: [p99 < 1s]}\nlimits: {requests: many}", ["plan.yaml:13", "plan.yaml:14"]),
        ("limits: {requests: 100}", ["line 8, stage peak", "60 are the limit"]),
    ],
)
async def test_a_bad_plan_exits_2_with_all_its_problems_and_sends_nothing(
    tmp_path: Path, more: str, said: list[str]
) -> None:
    """And makes no report."""
    async with StubServer() as stub:
        (tmp_path / "plan.yaml").write_text(PLAN.format(url=stub.url, more=more))
        status, told = await penstock("replay", "plan.yaml", "--out", "out", folder=tmp_path)
        assert not stub.calls
    assert (status, [each in told for each in said], "Traceback" in told) == (2, [True] * len(said), False), (
        told
    )
    assert not (tmp_path / "out").exists()


async def test_a_plan_can_be_checked_without_a_proxy(tmp_path: Path) -> None:
    """The profiles that come with the harness, by their names."""
    status, said = await penstock("replay", "double11-peak", "--check", "--scale", "0.001", folder=tmp_path)
    assert status == 0, said
    assert "peak 21 to 41 s" in said


async def test_ctrl_c_ends_a_run_with_its_report(tmp_path: Path) -> None:
    """What was seen until then is told; it proves nothing, and says so."""
    async with StubServer(behaviour=Ok()) as stub:
        text = PLAN.format(url=stub.url, more="thresholds: {all: ['lost == 0']}").replace(
            "seconds: 0.5", "seconds: 60"
        )
        (tmp_path / "plan.yaml").write_text(text)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "proxy.cli", "replay", "plan.yaml", "--out", "out"),
            cwd=tmp_path,
            env={**ENVIRONMENT, "MPLCONFIGDIR": str(tmp_path)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        while len(stub.calls) < 60:  # noqa: ASYNC110 - until the peak has begun
            await asyncio.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: the generator's processes get it too
        said, _ = await process.communicate()
    outcome = read_outcome(tmp_path / "out")
    assert (process.returncode, outcome.verdict) == (98, "INVALID"), said
    assert outcome.invalid[0].startswith("interrupted at ")
    assert 60 <= outcome.classes["all"].figures.arrivals < 12_000


async def test_a_name_that_is_no_profile_is_answered_with_all_of_them(tmp_path: Path) -> None:
    """Who has mistyped one sees it at once."""
    status, said = await penstock("replay", "double12-peak", folder=tmp_path)
    assert status == 2
    assert "double11-peak" in said
    assert "post-promotion-refresh" in said
