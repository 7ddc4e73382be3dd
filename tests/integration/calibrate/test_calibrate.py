"""`penstock calibrate` as users run it, against stubs whose capacity is known: slots over service time.

Service takes 25 ms and slots are few, so that the noise of a busy machine is small beside them; what is
asserted has wide bounds all the same.
"""

import asyncio
import sys

import msgspec
import pytest
import yaml

from sim.calibrate.calibration import Calibration
from sim.stubs.behaviours import AnyBehaviour, Latency, Sequence, Slots, Status
from sim.stubs.server import StubServer

SERVICE_S = 0.025
SLOTS = 4


async def calibrate(endpoint: str, *options: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "proxy.cli", "calibrate", endpoint, *options),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, told = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode(), told.decode()


async def test_the_capacity_of_a_server_with_slots_is_found(tmp_path) -> None:
    """Concurrency to one, rate between half and 115% of slots over service time, as YAML for the table."""
    file = tmp_path / "calibration.json"
    async with StubServer(behaviour=Slots(slots=SLOTS, delay=SERVICE_S)) as stub:
        status, said, told = await calibrate(
            stub.url, *("--model", "m", "--seconds", "0.8", "--deadline-ms", "100", "--json", str(file))
        )
    if status == 98:  # a machine too busy to keep a schedule may say so, and nothing else
        assert "The calibration is invalid" in told
        return
    assert status == 0, told
    found = yaml.safe_load(said)
    assert SLOTS - 1 <= found["concurrency"] <= SLOTS + 1, told
    assert 0.5 <= found["rate"] / (SLOTS / SERVICE_S) <= 1.15, told
    written = msgspec.json.decode(file.read_bytes(), type=Calibration)
    assert written.concurrency == found["concurrency"]
    assert {level.concurrency for level in written.levels} >= {1, 2, 4, 8, 16}
    assert written.deadline_ms == 100


async def test_a_server_that_fails_under_load_is_calibrated_below_that() -> None:
    """Two slots, one may wait, the others get 503: more than three callers are too many."""
    behaviour = Slots(slots=2, delay=0.01, waiting_max=1)
    async with StubServer(behaviour=behaviour) as stub:
        status, said, told = await calibrate(
            stub.url, "--model", "m", "--seconds", "0.4", "--deadline-ms", "40"
        )
    assert status in (0, 98), told
    assert "the server was not sound: 200: " in told or status == 98
    assert status == 98 or yaml.safe_load(said)["concurrency"] in (1, 2, 3)


async def test_the_limit_of_requests_holds_and_what_is_unsure_is_said() -> None:
    """A paid server must not be loaded without an end."""
    async with StubServer(behaviour=Slots(slots=SLOTS, delay=SERVICE_S)) as stub:
        status, said, told = await calibrate(
            stub.url, *("--model", "m", "--seconds", "0.5", "--max-requests", "200")
        )
        received = stub.received
    assert received <= 201  # and one to see whether it answers at all
    assert (status, said) == (1, "")
    assert "The calibration ended before it found an answer" in told


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        (Status(code=503), "/v2/models/m/infer is answered 503, not 200: "),
        (Sequence(behaviours=(Latency(delay=0.0), Status(code=500))), "one caller alone is not answered"),
    ],
)
async def test_an_endpoint_that_does_not_answer_well_is_refused_with_its_words(
    behaviour: AnyBehaviour, said: str
) -> None:
    """A wrong model name or payload must not be calibrated for minutes."""
    async with StubServer(behaviour=behaviour) as stub:
        status, _, told = await calibrate(stub.url, "--model", "m", "--seconds", "0.3")
    assert (status, said in told) == (1, True), told
    assert "Traceback" not in told


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("http://127.0.0.1:1", "--model", "m"), 2, "nobody takes connections at 127.0.0.1:1"),
        (("http://10.1.2.3:80", "--model", "m"), 2, "--allow 10.1.2.3"),
        (("https://127.0.0.1:1", "--model", "m"), 2, "without TLS"),
        (("http://127.0.0.1:1", "--model", "m", "--header", "x"), 2, "'Name: value'"),
        (("http://127.0.0.1:1",), 2, "--model"),
    ],
)
async def test_what_cannot_be_calibrated_is_said_in_a_line(arguments, status, said) -> None:
    """Refused, somebody else's, or unintelligible."""
    ended, _, told = await calibrate(*arguments)
    assert (ended, said in told, "Traceback" in told) == (status, True, False), told


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        ("--help", 0, "calibrate"),
        ("calibrate --help", 0, "--max-requests"),
        ("calibrate http://127.0.0.1:1 --model m", 1, "pip install 'penstock[load]'"),
    ],
)
async def test_a_proxy_without_the_packages_of_the_load_has_all_its_other_commands(
    words: str, status: int, said: str
) -> None:
    """Who installs the proxy alone sees what to install, where it is wanted."""
    without = "import sys; sys.modules['hdrh'] = None; import proxy.cli; proxy.cli.main()"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", without, *words.split()),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    told, _ = await process.communicate()
    assert (process.returncode, said in told.decode()) == (status, True), told.decode()
