"""Tensors in system shared memory, in a real server with two fronts: every connection may meet either."""

import asyncio
import itertools
import json
import mmap
import os
import select
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from tritonclient.grpc import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException, serialize_byte_tensor

from tests.integration.proxies import ProxyProcess
from tests.integration.workers.conftest import LIGHT, Started
from tests.integration.workers.test_kills import descriptors, until

ASKED = 16  # connections: that all of them meet one of two fronts has a chance of 1 in 32,768
SIZE = 256
NAMES = itertools.count()


class Object:
    """A shared memory object, as clients make one."""

    def __init__(self, size: int = SIZE) -> None:
        self.key = f"/penstock-test-{os.getpid()}-{next(NAMES)}"
        self._memory = SharedMemory(self.key, create=True, size=size)

    def put(self, data: bytes, offset: int = 0) -> None:
        assert self._memory.buf is not None
        self._memory.buf[offset : offset + len(data)] = data

    def got(self, size: int, offset: int = 0) -> bytes:
        assert self._memory.buf is not None
        return bytes(self._memory.buf[offset : offset + size])

    @property
    def path(self) -> Path:
        return Path("/dev/shm") / self.key[1:]

    def end(self) -> None:
        self._memory.close()
        if self.path.exists():
            self._memory.unlink()


@pytest.fixture
def objects() -> Iterator[Callable[..., Object]]:
    made: list[Object] = []

    def make(size: int = SIZE) -> Object:
        made.append(Object(size))
        return made[-1]

    yield make
    for each in made:
        each.end()


@pytest.fixture(scope="module")
def _pair() -> Iterator[Any]:
    started = Started(str(LIGHT), "--fronts", "2", "--grpc", "127.0.0.1:0")
    yield started
    assert started.stop() == 0


@pytest.fixture
def pair(_pair: Any) -> Iterator[Any]:
    """Two fronts, without regions before and after."""
    yield _pair
    assert memory(_pair, "unregister").good


class Answer(NamedTuple):
    """A status and what came with it."""

    status: int
    json: Any

    @property
    def good(self) -> bool:
        return self.status == 200

    @property
    def error(self) -> str:
        return str(self.json["error"])


def call(address: str, method: str, path: str, body: Any = None) -> Answer:
    """Over a connection of its own."""
    connection = HTTPConnection(address, timeout=30)
    try:
        connection.request(method, path, None if body is None else json.dumps(body))
        response = connection.getresponse()
        data = response.read()
    finally:
        connection.close()
    return Answer(response.status, json.loads(data) if data else None)


def memory(started: Any, what: str, name: str = "", **body: Any) -> Answer:
    """One of the calls about regions."""
    region = f"/region/{name}" if name else ""
    path = f"/v2/systemsharedmemory{region}/{what}"
    return (
        call(started.address, "GET", path) if what == "status" else call(started.address, "POST", path, body)
    )


def register(started: Any, name: str, of: Object, size: int = SIZE, offset: int = 0) -> None:
    answer = memory(started, "register", name, key=of.key, offset=offset, byte_size=size)
    assert answer.good, answer


def place(region: str, size: int, offset: int = 0) -> dict[str, Any]:
    return {
        "shared_memory_region": region,
        "shared_memory_byte_size": size,
        "shared_memory_offset": offset,
    }


def ask(address: str, given: dict[str, Any], wanted: dict[str, Any], **more: Any) -> Answer:
    """Four numbers in, the same four out."""
    tensor = {"name": "INPUT0", "datatype": "INT32", "shape": [4], "parameters": given}
    body = {"inputs": [tensor], "outputs": [{"name": "OUTPUT0", "parameters": wanted}], **more}
    return call(address, "POST", "/v2/models/identity/infer", body)


def numbers(first: int) -> bytes:
    return np.arange(first, first + 4, dtype="<i4").tobytes()


def test_what_is_registered_at_one_front_holds_at_all(pair: Any, objects: Callable[..., Object]) -> None:
    """From the moment of the answer, and so does its end."""
    of = objects()
    for turn in range(3):
        name = f"r{turn}"
        register(pair, name, of, size=64, offset=16)
        of.put(numbers(turn), 16)
        for asked in range(ASKED):
            at = 16 + 2 * asked
            answer = ask(pair.address, place(name, 16), place(name, 16, at))
            assert answer.json["outputs"] == [{"name": "OUTPUT0", "datatype": "INT32", "shape": [4]}]
            assert of.got(16, 16 + at) == numbers(turn)
        expected = [{"name": name, "key": of.key, "offset": 16, "byte_size": 64}]
        assert all(memory(pair, "status").json == expected for _ in range(ASKED))
        assert memory(pair, "unregister", name).good
        for _ in range(ASKED):
            refused = ask(pair.address, place(name, 16), {})
            assert (refused.status, refused.error) == (
                404,
                f"Unable to find shared memory region: '{name}'",
            )


def test_callers_that_register_one_name_at_once_get_it_once(
    pair: Any, objects: Callable[..., Object]
) -> None:
    """Wherever they come in."""
    of = objects()
    with ThreadPoolExecutor(ASKED) as threads:
        calls = [
            threads.submit(memory, pair, "register", "one", key=of.key, byte_size=64) for _ in range(ASKED)
        ]
        answers = [call.result() for call in calls]
    refused = [answer.error for answer in answers if answer.status == 400]
    assert sorted(answer.status for answer in answers) == [200] + [400] * (ASKED - 1)
    assert set(refused) == {"shared memory region 'one' already in manager"}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"key": "/nothing-there", "byte_size": 8}, "Unable to open shared memory region: '/nothing-there'"),
        ({"key": "/../../etc/hostname", "byte_size": 8}, "Unable to open"),
        ({"byte_size": SIZE + 1}, "failed to register shared memory region 'r': invalid args"),
        ({"byte_size": 8, "offset": SIZE}, "failed to register shared memory region 'r': invalid args"),
        ({"byte_size": 0}, "invalid args"),
        ({"byte_size": -1}, "not valid"),
        ({"byte_size": "8"}, "not valid"),
        ({}, "byte_size"),
    ],
)
def test_what_cannot_be_registered_is_refused_in_words(
    pair: Any, objects: Callable[..., Object], body: dict[str, Any], words: str
) -> None:
    """Those that programs look for are Triton's."""
    refused = memory(pair, "register", "r", **{"key": objects().key, **body})
    assert refused.status == 400
    assert words in refused.error
    assert memory(pair, "status").json == []


@pytest.mark.parametrize(
    ("given", "wanted", "words"),
    [
        (place("r", 16, 64), {}, "Invalid offset for shared memory region: 'r'"),
        (place("r", 16, 56), {}, "Invalid offset + byte size for shared memory region: 'r'"),
        (place("r", 12), {}, "input byte size mismatch for input 'INPUT0'. Expected 16, got 12"),
        (place("r", 16, -1), {}, "shared_memory_offset must be"),
        (place("r", 16), place("r", 16, 2**64 - 8), "Invalid offset for shared memory region: 'r'"),
        (place("r", 16), place("r", 65), "Invalid offset + byte size for shared memory region: 'r'"),
        (
            place("r", 16),
            place("r", 12),
            "output 'OUTPUT0' (12 bytes) should be at least 16 bytes to hold the results",
        ),
        (
            place("r", 16),
            {**place("r", 16), "binary_data": True},
            "can't set both 'shared_memory_region' and 'binary_data'",
        ),
    ],
)
def test_a_place_that_cannot_be_is_refused_and_nothing_is_written(
    pair: Any, objects: Callable[..., Object], given: dict[str, Any], wanted: dict[str, Any], words: str
) -> None:
    """The object is larger than the region: its neighbours stay as they are."""
    of = objects()
    of.put(b"\xaa" * SIZE)
    register(pair, "r", of, size=64)
    refused = ask(pair.address, given, wanted)
    assert refused.status == 400, refused
    assert words in refused.error
    assert of.got(SIZE) == b"\xaa" * SIZE


def test_an_object_that_its_owner_cuts_off_costs_one_answer(
    pair: Any, objects: Callable[..., Object]
) -> None:
    """Not the process that all callers share: reading it through a mapping would end that by SIGBUS."""
    of, other = objects(2 * mmap.PAGESIZE), objects(2 * mmap.PAGESIZE)
    register(pair, "cut", of, size=2 * mmap.PAGESIZE)
    register(pair, "whole", other, size=2 * mmap.PAGESIZE)
    at = mmap.PAGESIZE
    children = sorted(pair.children())
    with of.path.open("r+b") as file:
        file.truncate(8)
    for given, wanted in (("cut", "whole"), ("whole", "cut")):
        for _ in range(ASKED):
            refused = ask(pair.address, place(given, 16, at), place(wanted, 16, at))
            assert refused.status == 400
            assert "'cut' cannot be" in refused.error
    assert of.path.stat().st_size == 8
    assert ask(pair.address, place("whole", 16), place("whole", 16, 16)).good
    assert sorted(pair.children()) == children


@pytest.mark.parametrize("number", [signal.SIGCONT, signal.SIGKILL])
def test_a_registration_waits_for_a_front_that_stands_still_until_it_goes_on_or_ends(
    start: Callable[..., Any], objects: Callable[..., Object], number: int
) -> None:
    """Who is answered may come to that front next."""
    started = start(str(LIGHT), "--fronts", "2")
    connections = [HTTPConnection(started.address, timeout=30) for _ in range(ASKED)]
    for connection in connections:
        connection.request("GET", "/v2/health/live")
        connection.getresponse().read()
    still = started.children("front")[0]
    os.kill(still, signal.SIGSTOP)
    other = next(connection for connection in connections if lives(connection))
    path, body = "/v2/systemsharedmemory/region/r/register", {"key": objects().key, "byte_size": SIZE}
    other.request("POST", path, json.dumps(body))
    assert other.sock is not None
    assert not select.select([other.sock], [], [], 0.3)[0]
    os.kill(still, number)
    answer = other.getresponse()
    assert answer.status == 200, answer.read()
    until(lambda: len(started.children("front")) == 2, "it was not started again")
    assert all(memory(started, "status").json for _ in range(ASKED))
    for connection in connections:
        connection.close()


def lives(connection: HTTPConnection) -> bool:
    """Whether its front answers. It is not used again if not."""
    assert connection.sock is not None
    connection.request("GET", "/v2/health/live")
    if not select.select([connection.sock], [], [], 0.5)[0]:
        return False
    connection.getresponse().read()
    return True


@pytest.mark.parametrize("unlinked", [False, True])
def test_a_front_that_was_killed_has_all_regions_again(
    start: Callable[..., Any], objects: Callable[..., Object], unlinked: bool
) -> None:
    """The very same objects, before it accepts anybody; also those whose name is gone by then."""
    started = start(str(LIGHT), "--fronts", "2")
    of = objects()
    register(started, "r", of)
    of.put(numbers(5))
    if unlinked:
        of.path.unlink()
    for front in started.children("front"):
        os.kill(front, signal.SIGKILL)
        until(lambda: front not in started.children("front"), "it lives")  # noqa: B023
        until(lambda: len(started.children("front")) == 2, "it was not started again")
        for turn in range(3 * ASKED):  # some of them while it begins
            at = 16 * (1 + turn % 8)
            try:
                answer = ask(started.address, place("r", 16), place("r", 16, at))
            except (OSError, HTTPException):
                continue  # it was in the dead one's queue
            assert answer.good, answer
            assert of.got(16, at) == numbers(5)
    until(lambda: sees_two_fronts(started), "the new one does not serve")
    assert all(ask(started.address, place("r", 16), place("r", 16, 32)).good for _ in range(ASKED))


def sees_two_fronts(started: Any) -> bool:
    """Each has the object open, and so has the supervisor."""
    pids = [started.process.pid, *started.children("front")]
    return [sum("penstock-test" in link for link in links(pid)) for pid in pids] == [1, 1, 1]


def links(pid: int) -> list[str]:
    found = []
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found.append(str(link.readlink()))
        except OSError:  # closed meanwhile
            continue
    return found


def test_a_region_may_be_unregistered_while_an_answer_is_on_its_way_to_it(
    start: Callable[..., Any], gate: Any, objects: Callable[..., Object]
) -> None:
    """The end is granted at once, the answer arrives all the same, and then nothing is held of it."""
    started = start(str(gate.folder), "--fronts", "1")
    (front,) = started.children("front")
    before = descriptors(started.process.pid), descriptors(front)
    of = objects()
    register(started, "r", of)
    of.put(np.array([2.5], "<f4").tobytes())
    tensor = {"name": "INPUT0", "datatype": "FP32", "shape": [1], "parameters": place("r", 4)}
    wanted = {"name": "INPUT0", "parameters": place("r", 4, 64)}
    body = {"inputs": [tensor], "outputs": [wanted], "parameters": {"as": "a"}}
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(call, started.address, "POST", "/v2/models/gate/infer", body)
        gate.wait_entered("a")
        assert memory(started, "unregister", "r").good
        assert memory(started, "status").json == []
        gate.open()
        assert asked.result().good
    assert of.got(4, 64) == np.array([2.5], "<f4").tobytes()
    until(lambda: (descriptors(started.process.pid), descriptors(front)) == before, "it is still open")


def test_the_client_of_grpc_sends_all_kinds_of_tensors_so(pair: Any, objects: Callable[..., Object]) -> None:
    """FP16, BYTES, and one beside another that comes in the message."""
    of = objects()
    texts = np.array([b"a\0b", b"", b"\xff\xfe"], object)
    raw = serialize_byte_tensor(texts).item()
    half = np.array([1.5, np.inf], np.float16)
    of.put(raw)
    of.put(half.tobytes(), 64)
    with InferenceServerClient(pair.grpc) as client:
        client.register_system_shared_memory("r", of.key, SIZE)
        given = [
            InferInput("INPUT0", [3], "BYTES"),
            InferInput("INPUT1", [2], "INT32"),
            InferInput("INPUT2", [2], "FP16"),
        ]
        given[0].set_shared_memory("r", len(raw))
        given[1].set_data_from_numpy(np.array([7, 8], np.int32))
        given[2].set_shared_memory("r", 4, 64)
        wanted = [InferRequestedOutput(f"OUTPUT{number}") for number in range(3)]
        wanted[0].set_shared_memory("r", 64, 128)
        wanted[2].set_shared_memory("r", 4, 200)
        answer = client.infer("identity", given, outputs=wanted)
        assert answer.as_numpy("OUTPUT1").tolist() == [7, 8]
        assert list(answer.get_response().raw_output_contents)[::2] == [b"", b""]
        assert (of.got(len(raw), 128), of.got(4, 200)) == (raw, half.tobytes())
        told = client.get_system_shared_memory_status("r").regions["r"]
        assert (told.name, told.key, told.offset, told.byte_size) == ("r", of.key, 0, SIZE)
        for call, code in (
            (lambda: client.register_system_shared_memory("r", of.key, SIZE), "ALREADY_EXISTS"),
            (lambda: client.register_system_shared_memory("s", "/none", SIZE), "INVALID_ARGUMENT"),
            (lambda: client.get_system_shared_memory_status("s"), "NOT_FOUND"),
            (lambda: client.register_cuda_shared_memory("s", b"eA==", 0, 8), "INVALID_ARGUMENT"),
            (lambda: client.get_cuda_shared_memory_status("s"), "NOT_FOUND"),
        ):
            with pytest.raises(InferenceServerException) as refusal:
                call()
            assert refusal.value.status() == f"StatusCode.{code}"
        client.unregister_system_shared_memory("r")
        client.unregister_cuda_shared_memory()
        assert not client.get_cuda_shared_memory_status().regions
        assert not client.get_system_shared_memory_status().regions


def test_memory_of_cuda_is_not_there_and_not_taken(pair: Any) -> None:
    """Programs unregister it before they begin; who needs it is told."""

    def cuda(method: str, path: str, body: Any = None) -> Answer:
        return call(pair.address, method, f"/v2/cudasharedmemory/{path}", body)

    body = {"raw_handle": {"b64": "eA=="}, "device_id": 0, "byte_size": 8}
    refused = cuda("POST", "region/c/register", body)
    assert (refused.status, "CUDA shared memory is not offered" in refused.error) == (400, True)
    assert cuda("GET", "status").json == []
    assert cuda("GET", "region/c/status").status == 404
    assert cuda("POST", "unregister").good
    assert cuda("POST", "region/c/unregister").good


@pytest.mark.parametrize(
    ("options", "offered"),
    [
        ((), True),
        (("--grpc", "0.0.0.0:0"), False),
        (("--grpc", "0.0.0.0:0", "--shared-memory"), True),
        (("--no-shared-memory",), False),
    ],
)
def test_it_is_offered_to_this_machine_alone_unless_told_otherwise(
    start: Callable[..., Any], objects: Callable[..., Object], options: tuple[str, ...], offered: bool
) -> None:
    """Who reaches the server from elsewhere has no memory here, and should not reach into others'."""
    started = start(str(LIGHT), *options)
    told = call(started.address, "GET", "/v2").json["extensions"]
    answer = memory(started, "register", "r", key=objects().key, byte_size=8)
    assert ("system_shared_memory" in told, answer.good) == (offered, offered)
    assert memory(started, "unregister").good
    asked = ask(started.address, place("r", 16), {})
    assert asked.status == (404 if offered else 400)


TABLE = """
version: 1
applications: {{1: {{endpoints: ["http://{address}"]}}}}
routes: [{{application: 1, timeout: 10000, weight: 1, priority: 0, clusterType: http, label: "*"}}]
"""


async def test_the_proxy_passes_places_on_and_knows_nothing_of_regions(
    pair: Any, objects: Callable[..., Object], tmp_path: Path
) -> None:
    """They are parameters of tensors; regions are registered at the model server itself."""
    of = objects()
    of.put(numbers(3))
    await asyncio.to_thread(register, pair, "r", of)
    table = tmp_path / "table.yaml"
    table.write_text(TABLE.format(address=pair.address))
    async with ProxyProcess(table, "memory://", tmp_path / "log") as proxy:
        address = f"127.0.0.1:{proxy.port}"
        answer = await asyncio.to_thread(ask, address, place("r", 16), place("r", 16, 32))
        assert answer.json["outputs"] == [{"name": "OUTPUT0", "datatype": "INT32", "shape": [4]}]
        refused = await asyncio.to_thread(ask, address, place("none", 16), {})
        assert refused.error == "Unable to find shared memory region: 'none'"
        unknown = await asyncio.to_thread(call, address, "GET", "/v2/systemsharedmemory/status")
        assert unknown.status == 404
    assert of.got(16, 32) == numbers(3)
