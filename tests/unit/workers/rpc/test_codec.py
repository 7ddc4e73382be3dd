"""gRPC messages with tensors that lie in shared memory: which raw contents are whose."""

from typing import Any

import numpy as np
import pytest

from oip import grpc_service_pb2 as pb
from workers.oip.datatypes import BadTensor
from workers.oip.places import Place
from workers.oip.tensors import InferRequest, RequestedOutput, Tensor
from workers.rpc.codec import decode_request, encode_response

PLACE = Place(region="r", offset=4, size=8)
RAWS = [(number).to_bytes(8, "little") for number in range(2)]


def message(*placed: bool, raws: list[bytes] = RAWS) -> Any:
    made = pb.ModelInferRequest(raw_input_contents=raws)
    for number, each in enumerate(placed):
        given = made.inputs.add(name=f"x{number}", datatype="INT64", shape=[1])
        given.parameters["mark"].int64_param = number
        if each:
            given.parameters["shared_memory_region"].string_param = "r"
            given.parameters["shared_memory_byte_size"].int64_param = 8
            given.parameters["shared_memory_offset"].uint64_param = 4
    return made


def test_raw_contents_come_in_order_for_those_that_have_no_place() -> None:
    """The client leaves out the others; and the model sees no word of places."""
    request = decode_request(message(False, True, False))
    first, second, third = request.inputs
    assert request.placed
    assert (first.data.tolist(), second.data, third.data.tolist()) == ([0], PLACE, [1])
    assert [each.parameters for each in request.inputs] == [{"mark": 0}, {"mark": 1}, {"mark": 2}]


def test_all_may_have_places_and_none() -> None:
    """Without places nothing looks for them."""
    assert [each.data for each in decode_request(message(True, True, raws=[])).inputs] == [PLACE, PLACE]
    assert not decode_request(message(False, False)).placed


@pytest.mark.parametrize("placed", [(True, True), (True, False), (False, True, False, False), (False,)])
def test_contents_that_belong_to_nobody_are_refused(placed: tuple[bool, ...]) -> None:
    """Whose they are would be a guess."""
    with pytest.raises(BadTensor, match="raw_input_contents come with"):
        decode_request(message(*placed))


def test_a_tensor_has_contents_or_a_place() -> None:
    """Not both."""
    both = message(True, raws=[])
    both.inputs[0].contents.int64_contents.append(1)
    with pytest.raises(BadTensor, match="it must have one of them"):
        decode_request(both)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("shared_memory_region", {"int64_param": 5}),
        ("shared_memory_region", {"string_param": ""}),
        ("shared_memory_byte_size", {"string_param": "8"}),
        ("shared_memory_byte_size", {"int64_param": -8}),
        ("shared_memory_byte_size", {"bool_param": True}),
        ("shared_memory_offset", {"int64_param": -1}),
        ("shared_memory_offset", {"double_param": 1.0}),
    ],
)
def test_a_place_that_cannot_be_is_refused_for_inputs_and_outputs(key: str, value: dict[str, Any]) -> None:
    """Before anybody looks for it."""
    strange = message(True, raws=[])
    strange.inputs[0].parameters[key].CopyFrom(pb.InferParameter(**value))
    with pytest.raises(BadTensor, match=key):
        decode_request(strange)
    wanted = strange.outputs.add(name="y")
    for name, parameter in strange.inputs[0].parameters.items():
        wanted.parameters[name].CopyFrom(parameter)
    del strange.inputs[:]
    with pytest.raises(BadTensor, match=key):
        decode_request(strange)


def test_an_output_with_a_place_has_empty_contents_in_its_turn() -> None:
    """One for each output, in order: clients count them."""
    outputs = tuple(Tensor.of(name, "INT64", np.array([number])) for number, name in enumerate("ab"))
    wanted = (RequestedOutput(name="a", place=PLACE), RequestedOutput(name="b"))
    answer = encode_response("m", "1", outputs, InferRequest(inputs=(), outputs=wanted, placed=True))
    assert list(answer.raw_output_contents) == [b"", RAWS[1]]
    assert [(each.name, list(each.shape)) for each in answer.outputs] == [("a", [1]), ("b", [1])]
