"""Regions of shared memory where fronts stand still, are killed, or are in the midst of a request."""

import json
import os
import select
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.integration.workers.conftest import LIGHT
from tests.integration.workers.regions import ASKED, SIZE, ask, call, memory, numbers, place, register
from tests.integration.workers.test_kills import descriptors, until


@pytest.mark.parametrize("number", [signal.SIGCONT, signal.SIGKILL])
def test_a_registration_waits_for_a_front_that_stands_still_until_it_goes_on_or_ends(
    start: Callable[..., Any], objects: Callable[..., Any], number: int
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
    start: Callable[..., Any], objects: Callable[..., Any], unlinked: bool
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
    start: Callable[..., Any], gate: Any, objects: Callable[..., Any]
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
