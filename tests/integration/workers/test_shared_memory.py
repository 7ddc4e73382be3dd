"""Tensors in system shared memory, in a real server with two fronts: every connection may meet either."""

import asyncio
import mmap
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tritonclient.grpc import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException, serialize_byte_tensor

from tests.integration.proxies import ProxyProcess
from tests.integration.workers.conftest import LIGHT, Started
from tests.integration.workers.regions import ASKED, SIZE, Answer, ask, call, memory, numbers, place, register


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


def test_what_is_registered_at_one_front_holds_at_all(pair: Any, objects: Callable[..., Any]) -> None:
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


def test_callers_that_register_one_name_at_once_get_it_once(pair: Any, objects: Callable[..., Any]) -> None:
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
    pair: Any, objects: Callable[..., Any], body: dict[str, Any], words: str
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
    pair: Any, objects: Callable[..., Any], given: dict[str, Any], wanted: dict[str, Any], words: str
) -> None:
    """The object is larger than the region: its neighbours stay as they are."""
    of = objects()
    of.put(b"\xaa" * SIZE)
    register(pair, "r", of, size=64)
    refused = ask(pair.address, given, wanted)
    assert refused.status == 400, refused
    assert words in refused.error
    assert of.got(SIZE) == b"\xaa" * SIZE


def test_an_object_that_its_owner_cuts_off_costs_one_answer(pair: Any, objects: Callable[..., Any]) -> None:
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


def test_the_client_of_grpc_sends_all_kinds_of_tensors_so(pair: Any, objects: Callable[..., Any]) -> None:
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
    start: Callable[..., Any], objects: Callable[..., Any], options: tuple[str, ...], offered: bool
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
    pair: Any, objects: Callable[..., Any], tmp_path: Path
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
