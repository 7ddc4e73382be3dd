"""Where an answer is encoded, and that every end of an inference is told once."""

import asyncio
from typing import Any

import numpy as np
import pytest

from workers.entry import Entry
from workers.errors import NotReady
from workers.front.inference import Inference, bytes_of
from workers.front.limits import FrontLimits
from workers.front.message import Message
from workers.front.reply import Reply
from workers.oip.rawdata import bytes_array
from workers.oip.tensors import Tensor

BODY = b'{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1]}]}'
ENTRY = Entry(name="m", version="1", kind="tensors", backend="python", folder=None)  # type: ignore[arg-type]


LIMITS = FrontLimits()


class Pool:
    """Hands out futures that the test ends."""

    def __init__(self) -> None:
        self.futures: list[asyncio.Future[Any]] = []
        self.refuses = False

    def infer(self, *given: Any) -> "asyncio.Future[Any]":
        if self.refuses:
            raise NotReady("not ready")
        self.futures.append(asyncio.get_running_loop().create_future())
        return self.futures[-1]


def begun(pool: Pool, body: bytes = BODY, limits: FrontLimits = LIMITS) -> tuple[Inference, list[Reply]]:
    message = Message(limits, 0.0)
    message.add_body(body)
    replies: list[Reply] = []
    inference = Inference(asyncio.get_running_loop(), pool, limits, message, replies.append)  # type: ignore[arg-type]
    inference.begin(ENTRY)
    return inference, replies


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("tensor", "count"),
    [
        (Tensor.of("x", "FP32", np.zeros((2, 3), "<f4")), 24),
        (Tensor.of("x", "BYTES", bytes_array([b"abc", b"", b"de"])), 5),
    ],
)
def test_what_there_is_to_encode_is_counted_in_bytes(tensor: Tensor, count: int) -> None:
    """An array of texts is as small as its pointers, and its texts may be megabytes."""
    assert bytes_of(tensor) == count


async def test_a_refusal_is_answered_at_once() -> None:
    """Without a turn of the loop."""
    pool = Pool()
    pool.refuses = True
    _, replies = begun(pool)
    assert [reply.status for reply in replies] == [503]


async def test_an_inference_that_is_dropped_is_answered_all_the_same() -> None:
    """Never silence."""
    pool = Pool()
    _, replies = begun(pool)
    pool.futures[0].cancel()
    await turns()
    assert [reply.status for reply in replies] == [500]


async def test_a_caller_that_left_is_answered_no_more() -> None:
    """Whatever comes after; and its inference is cancelled."""
    pool = Pool()
    inference, replies = begun(pool)
    inference.cancel()
    await turns()
    assert pool.futures[0].cancelled()
    late, more = begun(pool)
    late._answer = None  # it leaves while the end is on its way
    pool.futures[1].set_exception(NotReady("gone"))
    await turns()
    assert replies == more == []


async def test_much_is_encoded_beside_the_loop_and_answered_once() -> None:
    """A megabyte of JSON would hold up every other caller."""
    pool = Pool()
    limits = FrontLimits(loop_bytes_max=100)
    inference, replies = begun(pool, BODY, limits)
    answered = asyncio.Event()
    inference._answer = lambda reply: (replies.append(reply), answered.set())  # type: ignore[assignment,func-returns-value]
    pool.futures[0].set_result((Tensor.of("y", "FP32", np.zeros(1000, "<f4")),))
    await turns(2)
    assert replies == []
    await answered.wait()
    assert [reply.status for reply in replies] == [200]
