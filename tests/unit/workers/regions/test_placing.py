"""Tensors that lie in shared memory: read before the models are asked, written when they have answered."""

import asyncio
import itertools
import os
from typing import Any

import msgspec
import numpy as np
import pytest

from tests.stand_ins.descriptors import open_files
from workers.entry import Entry
from workers.errors import Overloaded, TooBig
from workers.oip.datatypes import BadTensor
from workers.oip.places import Place
from workers.oip.rawdata import bytes_array, raw_from_array
from workers.oip.tensors import InferRequest, RequestedOutput, Tensor, encode_response
from workers.regions.errors import BadRegion, NoRegion
from workers.regions.limits import RegionLimits
from workers.regions.placing import Placing
from workers.regions.region import Drop, Region, Share
from workers.regions.regions import Regions

ENTRY = Entry(name="m", version="1", kind="tensors", backend="python", folder=None)  # type: ignore[arg-type]
NAMES = itertools.count()
TEXTS = bytes_array([b"a\0b", b"", b"\xff\xfe"])


class Inner:
    """Models whose answers the test gives."""

    def __init__(self) -> None:
        self.asked: list[InferRequest] = []
        self.future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def infer(self, entry: Entry, request: InferRequest, *_: Any) -> "asyncio.Future[Any]":
        self.asked.append(request)
        return self.future


class World:
    """One region `r` of 64 bytes, in an object of 80 from the 16th on."""

    def __init__(self) -> None:
        self.name = f"object-{next(NAMES)}"
        self.object = os.memfd_create(self.name)
        os.ftruncate(self.object, 80)
        self.regions = Regions(RegionLimits(request_bytes_max=48), lambda _: None)
        region = Region(name="r", key="k", offset=16, size=64)
        self.regions.take(Share(0, region), [os.dup(self.object)])
        self.inner = Inner()
        self.placing = Placing(self.inner, self.regions)

    def held(self) -> int:
        """Descriptors of the object but for its owner's."""
        return open_files(self.name) - 1

    def put(self, data: bytes, offset: int = 0) -> None:
        os.pwrite(self.object, data, 16 + offset)

    def got(self, size: int, offset: int = 0) -> bytes:
        return os.pread(self.object, size, 16 + offset)

    def ask(self, request: InferRequest) -> "asyncio.Future[Any]":
        return self.placing.infer(ENTRY, request, None)

    async def answer(self, asked: "asyncio.Future[Any]", *outputs: Tensor) -> Any:
        self.inner.future.set_result(outputs)
        return await asked


@pytest.fixture
async def world() -> Any:
    made = World()
    yield made
    os.close(made.object)


def place(size: int, offset: int = 0, region: str = "r") -> Place:
    return Place(region=region, offset=offset, size=size)


def given(array: Any, datatype: str, at: Place, name: str = "x") -> Tensor:
    return Tensor(name=name, datatype=datatype, shape=array.shape, data=at)


def wanting(*outputs: tuple[str, Place | None], inputs: tuple[Tensor, ...] = ()) -> InferRequest:
    wanted = tuple(RequestedOutput(name=name, place=at) for name, at in outputs)
    return InferRequest(inputs=inputs, outputs=wanted, placed=True)


@pytest.mark.parametrize(
    ("array", "datatype"),
    [
        (np.arange(4, dtype=np.int32).reshape(2, 2), "INT32"),
        (np.array([1.5, np.nan, -np.inf], np.float16), "FP16"),
        (np.array([[True], [False]]), "BOOL"),
        (np.array([0x3FC0, 0xFFFF], np.uint16), "BF16"),
        (TEXTS, "BYTES"),
    ],
)
async def test_a_tensor_goes_in_and_out_bit_by_bit(world: World, array: Any, datatype: str) -> None:
    """In the form that raw data have on the wire, from where it lies to where it is wanted."""
    raw = raw_from_array(datatype, array)
    world.put(raw, 3)
    at, to = place(len(raw), 3), place(len(raw) + 5, 31)
    asked = world.ask(wanting(("y", to), inputs=(given(array, datatype, at),)))
    (request,) = world.inner.asked
    assert not request.placed
    assert raw_from_array(datatype, request.inputs[0].data) == raw
    (output,) = await world.answer(asked, Tensor.of("y", datatype, request.inputs[0].data))
    assert world.got(len(raw) + 5, 31) == raw + bytes(5)
    assert (output.name, output.datatype, output.shape, output.data.size) == ("y", datatype, array.shape, 0)


async def test_what_its_owner_writes_later_changes_no_request(world: World) -> None:
    """What was checked is what the model gets."""
    world.put(raw_from_array("BYTES", TEXTS))
    size = len(raw_from_array("BYTES", TEXTS))
    numbers = np.zeros(4, np.int32)
    world.ask(
        wanting(inputs=(given(TEXTS, "BYTES", place(size)), given(numbers, "INT32", place(16, 32), "n")))
    )
    world.put(b"\xff" * 64)
    (request,) = world.inner.asked
    assert request.inputs[0].data.tolist() == TEXTS.tolist()
    assert request.inputs[1].data.tolist() == [0, 0, 0, 0]


async def test_one_output_may_go_there_and_another_into_the_answer(world: World) -> None:
    """Of what went to its place the answer has no data."""
    request = wanting(("a", place(8)), ("b", None))
    asked = world.ask(request)
    outputs = await world.answer(
        asked, *(Tensor.of(name, "INT64", np.array([7])) for name in ("b", "a", "not wanted"))
    )
    body, length = encode_response("m", "1", outputs, request)
    assert length is None
    assert msgspec.json.decode(body)["outputs"] == [
        {"name": "a", "datatype": "INT64", "shape": [1]},
        {"name": "b", "datatype": "INT64", "shape": [1], "data": [7]},
    ]
    assert world.got(8) == (7).to_bytes(8, "little")


async def test_what_does_not_fit_is_told_and_nothing_is_written(world: World) -> None:
    """Half of an answer would look like an answer."""
    asked = world.ask(wanting(("a", place(8)), ("b", place(7, 8))))
    words = r"for output 'b' \(7 bytes\) should be at least 8 bytes to hold the results"
    with pytest.raises(BadRegion, match=words):
        await world.answer(asked, *(Tensor.of(name, "INT64", np.array([-1])) for name in "ab"))
    assert world.got(64) == bytes(64)


async def test_inputs_are_as_bounded_as_a_body(world: World) -> None:
    """All together; nothing is read before that is known."""
    numbers = np.zeros(8, np.int32)
    with pytest.raises(TooBig, match="have 64 bytes; the limit is 48"):
        world.ask(
            wanting(
                inputs=(given(numbers, "INT32", place(32)), given(numbers, "INT32", place(32, 16), "n")),
            )
        )
    assert world.inner.asked == []


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (wanting(("a", place(8, region="none"))), NoRegion),
        (wanting(("a", place(65))), BadRegion),
        (wanting(("a", place(8)), ("a", None)), BadTensor),
        (wanting(inputs=(given(TEXTS, "BYTES", place(8, region="none")),)), NoRegion),
        (wanting(inputs=(given(TEXTS, "BYTES", place(8, 64)),)), BadRegion),
        (wanting(inputs=(given(np.zeros(1), "BYTES", place(8)),)), BadTensor),
    ],
)
async def test_what_cannot_be_is_refused_before_a_model_is_asked(
    world: World, request_: InferRequest, error: type[Exception]
) -> None:
    """It would be for nothing."""
    with pytest.raises(error):
        world.ask(request_)
    assert world.inner.asked == []


async def test_a_region_that_goes_meanwhile_takes_the_answer_and_is_closed_then(world: World) -> None:
    """Unregistered is: no request that begins uses it."""
    asked = world.ask(wanting(("a", place(8))))
    world.regions.take(Drop(1, "r"), [])
    assert world.held() == 1
    with pytest.raises(NoRegion):
        world.ask(wanting(("a", place(8))))
    await world.answer(asked, Tensor.of("a", "INT64", np.array([5])))
    assert world.got(8) == (5).to_bytes(8, "little")
    assert world.held() == 0


async def test_an_object_that_is_cut_off_meanwhile_is_one_callers_error(world: World) -> None:
    """In place of SIGBUS."""
    asked = world.ask(wanting(("a", place(8))))
    os.ftruncate(world.object, 20)
    with pytest.raises(BadRegion, match="become smaller"):
        await world.answer(asked, Tensor.of("a", "INT64", np.array([5])))
    with pytest.raises(BadRegion, match="become smaller"):
        world.ask(wanting(inputs=(given(np.zeros(2), "FP64", place(16)),)))


async def test_a_caller_that_leaves_ends_its_inference(world: World) -> None:
    """Also before its task has begun."""
    asked = world.ask(wanting(("a", place(8))))
    asked.cancel()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert world.inner.future.cancelled()


async def test_what_the_models_refuse_is_refused(world: World) -> None:
    """As it came."""
    asked = world.ask(wanting(("a", place(8))))
    world.inner.future.set_exception(Overloaded("full"))
    with pytest.raises(Overloaded, match="full"):
        await asked


async def test_a_request_without_places_costs_nothing(world: World) -> None:
    """The future is the models' own, and so it is where only inputs have places."""
    assert world.ask(InferRequest(inputs=())) is world.inner.future
    assert world.ask(wanting(inputs=(given(np.zeros(2), "FP64", place(16)),))) is world.inner.future
