"""Tensors through shared memory: every bit, every shape, and nothing beyond their own end."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from workers.oip.datatypes import NUMPY
from workers.oip.rawdata import bytes_array
from workers.oip.tensors import Tensor
from workers.tree.parcel import Parcel, read_parcel

NUMBERS = sorted(set(NUMPY) - {"BYTES"})
SHAPES = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5)


@st.composite
def tensors(draw: st.DrawFn) -> Tensor:
    name, datatype = draw(st.text(max_size=5)), draw(st.sampled_from([*NUMBERS, "BYTES"]))
    if datatype == "BYTES":
        elements = draw(st.lists(st.binary(max_size=20), max_size=5))
        return Tensor.of(name, datatype, bytes_array(elements))
    array = draw(hnp.arrays(NUMPY[datatype], SHAPES))
    parameters: dict[str, Any] = draw(st.dictionaries(st.text(max_size=3), st.integers(0, 9), max_size=2))
    return Tensor(name=name, datatype=datatype, shape=array.shape, data=array, parameters=parameters)


def same(one: Tensor, other: Tensor) -> bool:
    if one.datatype == "BYTES":
        equal = one.data.tolist() == other.data.tolist()
    else:
        equal = one.data.tobytes() == other.data.tobytes() and one.data.dtype == other.data.dtype
    return equal and (one.name, one.datatype, tuple(one.shape), one.parameters) == (
        other.name,
        other.datatype,
        tuple(other.shape),
        other.parameters,
    )


@given(st.lists(tensors(), max_size=4), st.binary(max_size=10))
def test_what_is_written_is_read(given_tensors: list[Tensor], extra: bytes) -> None:
    """Into memory that another request has left full."""
    parcel = Parcel(tuple(given_tensors), extra)
    memory = memoryview(bytearray(b"\xff" * (parcel.size + 64)))
    parcel.write(memory[: parcel.size])
    assert memory[parcel.size :] == b"\xff" * 64
    found, found_extra = read_parcel(memory)
    assert found_extra == extra
    assert len(found) == len(given_tensors)
    assert all(same(one, other) for one, other in zip(found, given_tensors, strict=True))


def test_numbers_are_views_and_not_copies() -> None:
    """A batch is laid together from shared memory directly."""
    parcel = Parcel((Tensor.of("x", "FP32", np.arange(4, dtype=np.float32)),))
    memory = memoryview(bytearray(parcel.size))
    parcel.write(memory)
    (tensor,), _ = read_parcel(memory)
    assert np.shares_memory(tensor.data, np.frombuffer(memory, np.uint8))
    assert tensor.data.ctypes.data % 4 == 0


def test_a_strided_array_is_written_as_its_elements() -> None:
    """Models give transposed views."""
    array = np.arange(6, dtype=np.int32).reshape(2, 3).T
    parcel = Parcel((Tensor.of("x", "INT32", array),))
    memory = memoryview(bytearray(parcel.size))
    parcel.write(memory)
    assert (read_parcel(memory)[0][0].data == array).all()


@pytest.mark.parametrize("views", [True, False])
def test_elements_come_as_bytes_or_as_views(views: bool) -> None:
    """Views cost no copy, and die with the slot."""
    parcel = Parcel((Tensor.of("x", "BYTES", bytes_array([memoryview(b"abc"), b"", b"\0"])),))
    memory = memoryview(bytearray(parcel.size))
    parcel.write(memory)
    (tensor,), _ = read_parcel(memory, views=views)
    assert [bytes(element) for element in tensor.data.tolist()] == [b"abc", b"", b"\0"]
    assert isinstance(tensor.data[0], memoryview if views else bytes)
