"""`python -m sim.load` as users run it, against a stub model server."""

import asyncio
import sys

import msgspec
import pytest

from sim.load.arrivals import Constant
from sim.load.crew import run
from sim.load.errors import GeneratorFailed, PlanRefused
from sim.load.limits import LoadLimits
from sim.load.plan import Plan
from sim.load.result import Result
from sim.load.target import read_target
from sim.stubs.behaviours import Latency, Status
from sim.stubs.server import StubServer

PATH = "/v2/models/m/infer"


async def load(*arguments: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sim.load", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode, said.decode()


async def test_a_run_of_two_processes_sends_each_class_its_label_and_tells_what_came_back(tmp_path) -> None:
    """The figures add up, on the screen and in the file; 98 only where the machine was too busy."""
    file = tmp_path / "result.json"
    async with StubServer(behaviour=Latency(delay=0.02)) as stub:
        status, said = await load(
            *("--url", stub.url + PATH, "--rate", "100", "--seconds", "1", "--processes", "2"),
            *("--class", "a:7:1:5000", "--class", "b:8:3:10", "--json", str(file)),
        )
        labels = [msgspec.json.decode(call.body)["parameters"]["label"] for call in stub.calls]
    result = msgspec.json.decode(file.read_bytes(), type=Result)
    assert status == (0 if result.valid else 98)
    a, b = result.classes["a"], result.classes["b"]
    assert (a.good, a.late, b.good, b.late) == (a.arrivals, 0, 0, b.arrivals)
    assert (labels.count("7"), labels.count("8")) == (a.arrivals, b.arrivals)
    assert a.p50_ms >= 20
    assert result.generator.processes == 2
    assert "generator: " in said


async def test_a_run_that_could_not_keep_its_schedule_exits_98(tmp_path) -> None:
    """One connection for a server that takes 20 ms cannot carry 500 a second."""
    async with StubServer(behaviour=Latency(delay=0.02)) as stub:
        status, said = await load(
            *("--url", stub.url + PATH, "--rate", "500", "--seconds", "0.2", "--connections-max", "1")
        )
    assert status == 98, said
    assert "INVALID" in said


async def test_errors_of_the_server_are_a_result_and_not_an_error_of_the_run(tmp_path) -> None:
    """They are what is measured."""
    file = tmp_path / "result.json"
    async with StubServer(behaviour=Status(code=503)) as stub:
        await load("--url", stub.url + PATH, "--rate", "50", "--seconds", "1", "--json", str(file))
    found = msgspec.json.decode(file.read_bytes(), type=Result).classes["all"]
    assert found.ends == {"503": found.arrivals}
    assert found.failed == found.arrivals


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--url", "http://127.0.0.1:1/"), "nobody takes connections at 127.0.0.1:1"),
        (("--url", "http://10.1.2.3/"), "--allow 10.1.2.3"),
        (("--url", "http://127.0.0.1:1/", "--rate", "1000", "--seconds", "9999"), "9999 seconds"),
        (("--url", "http://127.0.0.1:1/", "--rate", "0"), "above 0"),
        (("--url", "http://127.0.0.1:1/", "--class", "a:b"), "NAME:LABEL:WEIGHT:DEADLINE_MS"),
    ],
)
async def test_what_cannot_be_sent_is_said_in_a_line_with_exit_2(arguments, said) -> None:
    """Not in a traceback, and before any request."""
    status, told = await load(*arguments)
    assert (status, said in told, "Traceback" in told) == (2, True, False), told


async def test_more_requests_than_allowed_are_refused_by_the_processes_that_count_them() -> None:
    """The message comes through."""
    async with StubServer() as stub:
        plan = Plan(
            target=read_target(stub.url + PATH),
            arrivals=Constant(rate=100, seconds=1),
            limits=LoadLimits(requests_max=10),
        )
        with pytest.raises(GeneratorFailed, match="more than 10 requests"):
            await run(plan)
        with pytest.raises(PlanRefused, match="open files"):
            await run(msgspec.structs.replace(plan, limits=LoadLimits(connections_max=2**40)))
