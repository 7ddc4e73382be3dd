"""The wire codec: what it takes, what it refuses, and that nothing is lost on the way."""

import json
import math
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from workers.oip.datatypes import NUMPY, BadTensor, widen_bf16
from workers.oip.rawdata import bytes_array, raw_from_array
from workers.oip.tensors import (
    InferRequest,
    RequestedOutput,
    Tensor,
    TensorSpec,
    decode_request,
    encode_response,
)


def body_of(*inputs: dict, **more: object) -> bytes:
    return json.dumps({"inputs": list(inputs), **more}).encode()


def one(datatype: str, shape: list[int], data: object) -> np.ndarray:
    entry = {"name": "x", "datatype": datatype, "shape": shape, "data": data}
    return decode_request(body_of(entry)).inputs[0].data


def binary(datatype: str, shape: list[int], raw: bytes, size: object = None) -> np.ndarray:
    size = len(raw) if size is None else size
    entry = {"name": "x", "datatype": datatype, "shape": shape, "parameters": {"binary_data_size": size}}
    head = body_of(entry)
    return decode_request(head + raw, len(head)).inputs[0].data


NUMERIC = sorted(set(NUMPY) - {"BYTES"})


@st.composite
def tensors(draw: st.DrawFn, name: str, in_json: bool) -> Tensor:
    datatype = draw(st.sampled_from(sorted(set(NUMPY) - ({"BF16"} if in_json else set()))))
    shape = draw(array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))
    if datatype == "BYTES":
        element = st.text().map(str.encode) if in_json else st.binary()
        count = math.prod(shape)
        elements = draw(st.lists(element, min_size=count, max_size=count))
        return Tensor.of(name, datatype, bytes_array(elements).reshape(shape))
    finite = {"allow_nan": False, "allow_infinity": False} if in_json and datatype[:2] == "FP" else None
    return Tensor.of(name, datatype, draw(arrays(NUMPY[datatype], shape, elements=finite)))


def same(a: Tensor, b: Tensor) -> bool:
    return (a.name, a.datatype, a.shape) == (b.name, b.datatype, b.shape) and raw_from_array(
        a.datatype, a.data
    ) == raw_from_array(b.datatype, b.data)


def as_request(answer: bytes, json_length: int | None) -> InferRequest:
    """An answer has the form of a request but for the name of its list."""
    head = answer if json_length is None else answer[:json_length]
    parsed = json.loads(head)
    again = json.dumps({"inputs": parsed["outputs"], "id": parsed.get("id")}).encode()
    rest = b"" if json_length is None else answer[json_length:]
    return decode_request(again + rest, None if json_length is None else len(again))


@given(st.data(), st.booleans())
def test_what_is_encoded_is_decoded_again(data: st.DataObject, in_json: bool) -> None:
    """Both forms carry every datatype, every shape, every bit (BF16 and NaN: binary alone)."""
    outputs = tuple(
        data.draw(tensors(f"o{number}", in_json)) for number in range(data.draw(st.integers(1, 3)))
    )
    request = InferRequest(inputs=(), id="q", binary_output_default=not in_json)
    answer, json_length = encode_response("m", "1", outputs, request)
    assert (json_length is None) == in_json
    back = as_request(answer, json_length)
    assert back.id == "q"
    assert all(same(a, b) for a, b in zip(outputs, back.inputs, strict=True))


@given(st.binary(max_size=200), st.one_of(st.none(), st.integers(-2, 220)))
def test_random_bytes_are_refused_in_words(body: bytes, json_length: int | None) -> None:
    """Nothing that arrives may raise anything but BadTensor: everything else is a 500."""
    with pytest.raises(BadTensor, match=r"\w"):
        decode_request(body, json_length)


@given(st.data())
def test_a_damaged_request_is_taken_or_refused_but_nothing_else(data: st.DataObject) -> None:
    """Near-misses reach further into the codec than random bytes do."""
    head = body_of(
        {"name": "a", "datatype": "BYTES", "shape": [2], "parameters": {"binary_data_size": 10}},
        {"name": "b", "datatype": "FP16", "shape": [1, 2], "data": [[1, 2.5]]},
        outputs=[{"name": "c", "parameters": {"binary_data": True}}],
    )
    body = bytearray(head + b"\2\0\0\0ab\0\0\0\0")
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    try:
        request = decode_request(bytes(body), len(head))
    except BadTensor as error:
        text = str(error)
    else:
        text = ""
        assert all(tensor.shape == tensor.data.shape for tensor in request.inputs)
    assert "Traceback" not in text


@given(
    st.sampled_from(sorted(NUMPY)),
    st.lists(st.integers(-3, 2**70), max_size=4),
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3)),
        lambda inner: st.lists(inner, max_size=3),
        max_leaves=8,
    ),
)
def test_any_data_under_any_shape_is_taken_whole_or_refused(
    datatype: str, shape: list[int], data: object
) -> None:
    """A shape that lies must never be reshaped into something else, and never crash."""
    entry = {"name": "x", "datatype": datatype, "shape": shape, "data": data}
    body = json.dumps({"inputs": [entry]}, allow_nan=False, default=str) if _plain(data) else "{}"
    try:
        tensor = decode_request(body.encode()).inputs[0]
    except BadTensor:
        return
    assert tensor.shape == tuple(shape) == tensor.data.shape


def _plain(data: object) -> bool:
    if isinstance(data, list):
        return all(_plain(value) for value in data)
    return not isinstance(data, float) or math.isfinite(data)


@given(st.sampled_from(sorted(NUMPY)), st.lists(st.integers(0, 3), max_size=3), st.binary(max_size=40))
def test_any_raw_bytes_under_any_shape_are_taken_whole_or_refused(
    datatype: str, shape: list[int], raw: bytes
) -> None:
    """Binary data are bounded by what arrived, whatever the shape promises."""
    try:
        array = binary(datatype, shape, raw)
    except BadTensor:
        return
    assert array.shape == tuple(shape)
    assert raw_from_array(datatype, array) == raw


def test_nested_and_flat_data_give_the_same_tensor() -> None:
    """The protocol leaves the choice to the caller."""
    nested, flat = one("INT32", [2, 2], [[1, 2], [3, 4]]), one("INT32", [2, 2], [1, 2, 3, 4])
    assert nested.tolist() == flat.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    "data",
    [[[1, 2, 3], [4, 5, 6]], [[1, 2], [3]], [[1, 2], 3], [[[1], [2]], [[3], [4]]], [[1, 2], [3, 4], [5, 6]]],
)
def test_nested_data_of_another_shape_is_refused(data: list) -> None:
    """[[1,2,3],[4,5,6]] under [3,2] would silently mix rows."""
    with pytest.raises(BadTensor):
        one("INT32", [3, 2] if len(data) == 2 and data[0] == [1, 2, 3] else [2, 2], data)


@pytest.mark.parametrize(
    ("datatype", "value"),
    [
        *[("INT8", 128), ("INT8", -129), ("UINT8", -1), ("UINT64", 2**64), ("INT64", 2**63)],
        *[("INT32", 1.5), ("INT32", True), ("INT32", "1"), ("FP32", None), ("FP32", "1"), ("FP32", True)],
        *[("FP16", 1e6), ("FP32", 1e39), ("FP64", 10**400), ("BOOL", 1), ("BOOL", "true"), ("BYTES", 1)],
        *[("BF16", 1.0), ("COMPLEX", 1.0), ("int32", 1)],
    ],
)
def test_a_value_that_is_none_of_the_datatype_is_refused(datatype: str, value: object) -> None:
    """Wrapping or rounding would hide the caller's mistake."""
    with pytest.raises(BadTensor, match="x"):
        one(datatype, [1], [value])


@pytest.mark.parametrize(
    ("datatype", "value"),
    [
        ("INT8", -128),
        ("UINT8", 255),
        ("UINT64", 2**64 - 1),
        ("INT64", -(2**63)),
        ("FP16", 65504.0),
        ("FP32", 3),
    ],
)
def test_the_last_value_of_a_range_is_taken(datatype: str, value: float) -> None:
    """The bounds belong to the datatype."""
    assert one(datatype, [1], [value]).tolist() == [value]


@pytest.mark.parametrize(
    "shape", [[-1], [2], [0], [2**63, 2**63], [2**70], [0, 2**70], [1] * 33, [1, -1], ["1"], [1.5], None]
)
def test_a_shape_that_does_not_agree_is_refused(shape: object) -> None:
    """Negative, overflowing, mismatched."""
    with pytest.raises(BadTensor):
        one("FP32", shape, [1.0])


def test_a_zero_does_not_hide_an_overflow_behind_it() -> None:
    """No elements, but no array can have the shape either."""
    with pytest.raises(BadTensor, match="more than"):
        one("FP32", [0, 2**70], [])


def test_a_binary_size_beyond_the_body_says_what_is_left() -> None:
    """The commonest mistake of hand-made requests; the numbers show which side is wrong."""
    with pytest.raises(BadTensor, match="binary_data_size is 8, but 4 bytes are left"):
        binary("FP32", [2], bytes(4), 8)


@pytest.mark.parametrize("size", [-1, 3, 5, 2**40, 4.0, True, "4", None])
def test_a_wrong_binary_size_is_refused(size: object) -> None:
    """Sizes bound where the next tensor begins: one wrong size would shift all that follow."""
    entry = {"name": "x", "datatype": "FP32", "shape": [1], "parameters": {"binary_data_size": size}}
    head = body_of(entry)
    with pytest.raises(BadTensor):
        decode_request(head + bytes(4), len(head))


def test_binary_tensors_lie_in_the_order_listed() -> None:
    """Tensors with data in JSON stand between them and take no bytes."""
    head = body_of(
        {"name": "a", "datatype": "UINT8", "shape": [2], "parameters": {"binary_data_size": 2}},
        {"name": "b", "datatype": "INT32", "shape": [1], "data": [7]},
        {"name": "c", "datatype": "INT16", "shape": [1], "parameters": {"binary_data_size": 2}},
    )
    a, b, c = decode_request(head + b"\x01\x02\x03\x01", len(head)).inputs
    assert (a.data.tolist(), b.data.tolist(), c.data.tolist()) == ([1, 2], [7], [259])


def test_bytes_after_the_last_tensor_are_refused() -> None:
    """They would be data that nobody reads: the header's length is wrong, or a size."""
    head = body_of({"name": "x", "datatype": "UINT8", "shape": [1], "parameters": {"binary_data_size": 1}})
    with pytest.raises(BadTensor, match="follow"):
        decode_request(head + b"ab", len(head))


@pytest.mark.parametrize("length", [-1, 10_000])
def test_a_json_length_outside_the_body_is_refused(length: int) -> None:
    """The header is the caller's word."""
    with pytest.raises(BadTensor, match="Inference-Header-Content-Length"):
        decode_request(body_of(), length)


@pytest.mark.parametrize(
    "raw", [b"\1", b"\1\0\0\0", b"\xff\xff\xff\xffab", b"\0\0\0\0", b"\0\0\0\0\0\0\0\0\0"]
)
def test_broken_elements_of_bytes_are_refused(raw: bytes) -> None:
    """A length beyond the data, a torn length, or another count than the shape says (which is 2)."""
    with pytest.raises(BadTensor):
        binary("BYTES", [2], raw)


def test_elements_of_bytes_keep_their_nuls() -> None:
    """NumPy's own strings would lose trailing NULs."""
    raw = struct.pack("<I", 3) + b"a\0\0" + struct.pack("<I", 0)
    assert binary("BYTES", [2], raw).tolist() == [b"a\0\0", b""]


def test_a_deeply_nested_body_is_refused() -> None:
    """A kilobyte of brackets must not end the process."""
    with pytest.raises(BadTensor):
        decode_request(
            b'{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":'
            + b"[" * 10**5
            + b"]" * 10**5
            + b"}]}"
        )


def test_a_body_without_json_is_the_only_input() -> None:
    """Header 0; the free dimension follows from the size, and the answer is binary."""
    spec = TensorSpec(name="x", datatype="FP32", shape=(-1, 2))
    request = decode_request(np.arange(6, dtype="<f4").tobytes(), 0, raw_as=spec)
    assert request.inputs[0].data.tolist() == [[0, 1], [2, 3], [4, 5]]
    assert request.binary_output_default


def test_a_body_without_json_is_one_element_of_bytes_without_a_length() -> None:
    """So a picture can be posted as it is."""
    spec = TensorSpec(name="x", datatype="BYTES", shape=(-1,))
    assert decode_request(b"\0\1", 0, raw_as=spec).inputs[0].data.tolist() == [b"\0\1"]


@pytest.mark.parametrize(
    "spec",
    [
        None,
        TensorSpec(name="x", datatype="FP32", shape=(-1, -1)),
        TensorSpec(name="x", datatype="FP32", shape=(3,)),
        TensorSpec(name="x", datatype="BYTES", shape=(2,)),
        TensorSpec(name="x", datatype="FP32", shape=(-1, 5)),
    ],
)
def test_a_body_without_json_that_no_input_can_be_is_refused(spec: TensorSpec | None) -> None:
    """No model with one input, an open shape, or a size that does not divide."""
    with pytest.raises(BadTensor):
        decode_request(bytes(8), 0, raw_as=spec)


@pytest.mark.parametrize(
    "parameters", [{"shared_memory_region": "r"}, {"classification": 3}, {"binary_data": "yes"}]
)
def test_extensions_that_are_not_offered_are_refused(parameters: dict) -> None:
    """To pass over them would answer something else than was asked."""
    entry = {"name": "x", "datatype": "FP32", "shape": [1], "data": [1]}
    with pytest.raises(BadTensor):
        decode_request(body_of(entry, outputs=[{"name": "y", "parameters": parameters}]))


def test_an_input_twice_is_refused() -> None:
    """Which of the two counts would be a guess."""
    entry = {"name": "x", "datatype": "FP32", "shape": [1], "data": [1]}
    with pytest.raises(BadTensor, match="twice"):
        decode_request(body_of(entry, entry))


OUTPUTS = (
    Tensor.of("a", "INT32", np.array([1], np.int32)),
    Tensor.of("b", "BYTES", bytes_array([b"\xff"])),
    Tensor.of("c", "FP32", np.array([math.nan], np.float32)),
)


def asked(*outputs: RequestedOutput, default: bool = False) -> InferRequest:
    return InferRequest(inputs=(), outputs=outputs, binary_output_default=default)


def test_only_the_outputs_asked_for_go_out_each_in_its_form() -> None:
    """An output's own wish goes above the request's."""
    body, length = encode_response(
        "m",
        "2",
        OUTPUTS,
        asked(RequestedOutput(name="b"), RequestedOutput(name="a", binary=False), default=True),
    )
    assert length is not None
    assert json.loads(body[:length]) == {
        "model_name": "m",
        "model_version": "2",
        "outputs": [
            {"name": "b", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": 5}},
            {"name": "a", "datatype": "INT32", "shape": [1], "data": [1]},
        ],
    }
    assert body[length:] == b"\1\0\0\0\xff"


@pytest.mark.parametrize("name", ["b", "c", "z"])
def test_an_output_that_json_cannot_carry_or_that_is_unknown_is_refused(name: str) -> None:
    """Not UTF-8; NaN, which would become null; no such output."""
    with pytest.raises(BadTensor, match=name):
        encode_response("m", "1", OUTPUTS, asked(RequestedOutput(name=name)))


def test_bf16_goes_out_as_binary_alone() -> None:
    """JSON has no form for it that all agree on."""
    output = Tensor.of("x", "BF16", np.array([0x3FC0], "<u2"))
    with pytest.raises(BadTensor, match="BF16"):
        encode_response("m", "1", (output,), asked())
    body, length = encode_response("m", "1", (output,), asked(default=True))
    assert length is not None
    assert body[length:] == b"\xc0\x3f"
    assert widen_bf16(output.data).tolist() == [1.5]
