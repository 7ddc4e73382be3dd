"""Tensors are found by the protocol's rules, and what does not fit is a PayloadError."""

import struct
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelers import Payload, PayloadError
from labelers.tensors import DATATYPES, RANK_MAX

INTEGERS = [f"{sign}INT{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)]
NUMBERS = ["BOOL", *INTEGERS, "FP16", "FP32", "FP64"]
DTYPES = {name: np.dtype(name.lower().replace("fp", "float")) for name in NUMBERS}


def request(*inputs: tuple[dict[str, Any], bytes | None]) -> Payload:
    """A request; an input with bytes travels in the binary section."""
    entries, section = [], b""
    for entry, raw in inputs:
        parameters = dict(entry.get("parameters", {}))
        if raw is not None:
            parameters["binary_data_size"] = len(raw)
            section += raw
        entries.append({"name": "x", "datatype": "INT32", "shape": [1], **entry, "parameters": parameters})
    head = msgspec.json.encode({"inputs": entries})
    return Payload(headers=((b"Inference-Header-Content-Length", b"%d" % len(head)),), body=head + section)


def framed(*elements: bytes) -> bytes:
    return b"".join(struct.pack("<I", len(element)) + element for element in elements)


def test_inputs_are_found_by_name_in_listed_order() -> None:
    """The binary section has no names: order is all there is."""
    tensors = request(
        ({"name": "b", "shape": [2]}, struct.pack("<2i", 1, -2)),
        ({"name": "json", "shape": [1], "data": [5]}, None),
        ({"name": "a", "shape": [1], "datatype": "UINT8"}, b"\x07"),
    ).tensors
    assert list(tensors) == ["b", "json", "a"]
    assert tensors["b"].numpy().tolist() == [1, -2]
    assert tensors["json"].numpy().tolist() == [5]
    assert tensors["a"].numpy().tolist() == [7]


@pytest.mark.parametrize("datatype", sorted(DTYPES))
def test_every_fixed_width_datatype_is_read_from_the_binary_section(datatype: str) -> None:
    """Little-endian, shaped, typed."""
    array = np.array([[0, 1, 1], [1, 0, 1]], dtype=DTYPES[datatype])
    tensor = request(({"datatype": datatype, "shape": [2, 3]}, array.tobytes())).tensors["x"]
    assert tensor.numpy().dtype == array.dtype
    assert np.array_equal(tensor.numpy(), array)


@pytest.mark.parametrize("datatype", sorted(set(DTYPES) - {"FP16", "BOOL"}))
def test_numbers_in_json_are_read_flat_and_nested(datatype: str) -> None:
    """The protocol allows both."""
    for data in ([1, 2, 3, 4], [[1, 2], [3, 4]]):
        tensor = request(({"datatype": datatype, "shape": [2, 2], "data": data}, None)).tensors["x"]
        assert tensor.numpy().tolist() == [[1, 2], [3, 4]]
        assert tensor.numpy().dtype == DTYPES[datatype]


def test_bf16_is_widened_without_loss_and_its_bytes_are_at_hand() -> None:
    """numpy has no bfloat16; its bits are the upper half of a float32's."""
    raw = struct.pack("<2H", 0x3F80, 0xC049)  # 1.0 and -3.140625
    tensor = request(({"datatype": "BF16", "shape": [2]}, raw)).tensors["x"]
    assert tensor.raw == raw
    assert tensor.numpy().tolist() == [1.0, -3.140625]


def test_bytes_may_hold_nul_and_anything_else() -> None:
    """BYTES is not C strings."""
    elements = [b"a\x00b", b"", b"\xff\x00"]
    tensor = request(({"datatype": "BYTES", "shape": [3, 1]}, framed(*elements))).tensors["x"]
    assert tensor.bytes_list() == elements
    assert tensor.numpy().tolist() == [[element] for element in elements]
    with pytest.raises(PayloadError, match="not UTF-8"):
        tensor.strings()


def test_bytes_in_json_are_utf8_strings_not_base64() -> None:
    """So the protocol has it; nested is allowed too."""
    tensor = request(({"datatype": "BYTES", "shape": [1, 2], "data": [["广告\u0000", "b"]]}, None)).tensors[
        "x"
    ]
    assert tensor.strings() == ["广告\x00", "b"]
    assert tensor.bytes_list() == ["广告\x00".encode(), b"b"]
    assert request(({"datatype": "BYTES", "shape": [1]}, framed("é".encode()))).tensors["x"].strings() == [
        "é"
    ]


@pytest.mark.parametrize(
    "entry",
    [
        {"shape": [-1]},
        {"shape": [2**41]},
        {"shape": [2**30, 2**30]},
        {"shape": [0, 2**40, 2**40]},
        {"shape": [1] * (RANK_MAX + 1)},
        {"shape": [True]},
        {"shape": [1.0]},
        {"shape": "1"},
        {"shape": None},
        {"name": 3},
        {"datatype": "int32"},
        {"datatype": []},
        {"parameters": 1},
        {"data": 7},
        {"parameters": {"binary_data_size": -1}},
        {"parameters": {"binary_data_size": True}},
        {"parameters": {"binary_data_size": 1}},
        {"data": [1], "parameters": {"binary_data_size": 0}},
    ],
    ids=repr,
)
def test_an_input_that_makes_no_sense_is_a_payload_error(entry: dict[str, Any]) -> None:
    """Sizes are the caller's: none is trusted."""
    body = msgspec.json.encode({"inputs": [{"name": "x", "datatype": "INT32", "shape": [1], **entry}]})
    with pytest.raises(PayloadError):
        _ = Payload(body=body).tensors


@pytest.mark.parametrize("document", [{"inputs": 1}, {"inputs": [1]}, {"inputs": None}])
def test_inputs_that_are_no_list_of_objects_are_a_payload_error(document: object) -> None:
    """Nor is the structure trusted."""
    with pytest.raises(PayloadError):
        _ = Payload(body=msgspec.json.encode(document)).tensors


def test_bytes_that_no_input_asks_for_are_a_payload_error() -> None:
    """They would be read as another tensor by a server that counts otherwise."""
    payload = request(({}, struct.pack("<i", 1)))
    length = payload.headers["Inference-Header-Content-Length"].encode()
    odd = Payload(headers=((b"Inference-Header-Content-Length", length),), body=payload.body + b"\x00")
    with pytest.raises(PayloadError, match="binary section"):
        _ = odd.tensors


def test_two_inputs_of_one_name_are_a_payload_error() -> None:
    """One of them would be hidden from labelers, and not from the model."""
    with pytest.raises(PayloadError, match="two inputs"):
        _ = request(({"data": [1]}, None), ({"data": [2]}, None)).tensors


@pytest.mark.parametrize(
    ("entry", "raw"),
    [
        ({"shape": [2]}, b"\x00" * 7),
        ({"shape": [2], "data": [1]}, None),
        ({"shape": [1], "data": [1.5]}, None),
        ({"shape": [1], "data": [True]}, None),
        ({"shape": [1], "data": ["1"]}, None),
        ({"shape": [1], "data": [2**40]}, None),
        ({"shape": [1], "data": [None]}, None),
        ({"shape": [1], "data": [{}]}, None),
        ({"shape": [1]}, None),
        ({"datatype": "UINT8", "shape": [1], "data": [-1]}, None),
        ({"datatype": "BOOL", "shape": [1], "data": [1]}, None),
        ({"datatype": "FP32", "shape": [1], "data": [1e300]}, None),
        ({"datatype": "FP16", "shape": [1], "data": [1.0]}, None),
        ({"datatype": "BF16", "shape": [1], "data": [1.0]}, None),
    ],
    ids=repr,
)
def test_values_that_do_not_fit_are_a_payload_error(entry: dict[str, Any], raw: bytes | None) -> None:
    """No silent rounding, wrapping or infinity."""
    tensor = request((entry, raw)).tensors["x"]
    with pytest.raises(PayloadError):
        tensor.numpy()


@pytest.mark.parametrize(
    "raw",
    [b"\x01", b"\x05\x00\x00\x00ab", framed(b"a", b"b"), b"\xff\xff\xff\xff"],
    ids=["length cut", "element cut", "one too many", "absurd length"],
)
def test_bytes_that_are_framed_wrongly_are_a_payload_error(raw: bytes) -> None:
    """Lengths are the caller's, too."""
    tensor = request(({"datatype": "BYTES", "shape": [1]}, raw)).tensors["x"]
    with pytest.raises(PayloadError):
        tensor.bytes_list()


def test_only_bytes_tensors_have_strings() -> None:
    """Numbers are no text."""
    tensor = request(({"data": [1]}, None)).tensors["x"]
    for read in (tensor.strings, tensor.bytes_list):
        with pytest.raises(PayloadError, match="not BYTES"):
            read()
    with pytest.raises(PayloadError, match="are strings"):
        request(({"datatype": "BYTES", "data": [1]}, None)).tensors["x"].strings()


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=8,
)
ENTRY = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["a", "b"]) | JSON,
        "datatype": st.sampled_from(sorted(DATATYPES)) | JSON,
        "shape": st.lists(st.integers(-1, 3), max_size=3) | JSON,
        "data": st.lists(JSON, max_size=4) | JSON,
        "parameters": st.fixed_dictionaries({}, optional={"binary_data_size": st.integers(-1, 20) | JSON})
        | JSON,
    },
)


@given(entries=st.lists(ENTRY, max_size=3) | JSON, section=st.binary(max_size=24))
def test_whatever_the_inputs_only_a_payload_error_is_raised(entries: object, section: bytes) -> None:
    """Labelers read tensors of strangers."""
    head = msgspec.json.encode({"inputs": entries})
    payload = Payload(headers=((b"Inference-Header-Content-Length", b"%d" % len(head)),), body=head + section)
    try:
        tensors = payload.tensors
    except PayloadError:
        return
    for tensor in tensors.values():
        for read in (tensor.numpy, tensor.strings, tensor.bytes_list):
            try:
                value = read()
            except PayloadError:
                continue
            assert np.size(value) == tensor.elements
