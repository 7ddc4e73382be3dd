"""The codec against the encoder and the decoder that most callers use."""

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from tritonclient.http import InferenceServerClient as Client
from tritonclient.http import InferInput, InferRequestedOutput, InferResult
from tritonclient.utils import triton_to_np_dtype

from workers.oip.datatypes import NUMPY
from workers.oip.rawdata import bytes_array, raw_from_array
from workers.oip.tensors import Tensor, decode_request, encode_response

NUMERIC = sorted(set(NUMPY) - {"BYTES", "BF16"})


def through(datatype: str, array: np.ndarray, *, binary: bool) -> np.ndarray:
    """Encoded by the client, decoded and encoded here, decoded by the client."""
    given_ = InferInput("x", list(array.shape), datatype)
    given_.set_data_from_numpy(array, binary_data=binary)
    body, length = Client.generate_request_body(
        [given_], outputs=[InferRequestedOutput("y", binary_data=binary)], request_id="q"
    )
    request = decode_request(body, length)
    assert request.id == "q"
    output = Tensor.of("y", datatype, request.inputs[0].data)
    answer, json_length = encode_response("m", "1", (output,), request)
    assert (json_length is not None) == binary
    return InferResult.from_response_body(answer, header_length=json_length).as_numpy("y")


@given(st.data(), st.sampled_from(NUMERIC), st.booleans())
def test_numbers_go_through_the_client_unharmed(data: st.DataObject, datatype: str, binary: bool) -> None:
    """FP16 in JSON too: numbers."""
    finite = None if binary or datatype[:2] != "FP" else {"allow_nan": False, "allow_infinity": False}
    shape = data.draw(array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=3))
    array = data.draw(arrays(triton_to_np_dtype(datatype), shape, elements=finite))
    back = through(datatype, array, binary=binary)
    assert back.shape == array.shape
    assert back.tobytes() == array.tobytes()


@given(st.lists(st.text(), max_size=4), st.booleans())
def test_texts_go_through_the_client_unharmed(texts: list[str], binary: bool) -> None:
    """BYTES; in JSON they are strings, not base64."""
    elements = [text.encode() for text in texts]
    back = through("BYTES", bytes_array(elements), binary=binary)
    assert [value if isinstance(value, bytes) else value.encode() for value in back.tolist()] == elements


@given(st.lists(st.binary(), max_size=4))
def test_any_elements_go_through_the_client_as_binary(elements: list[bytes]) -> None:
    """NUL and what is not UTF-8 included."""
    assert through("BYTES", bytes_array(elements), binary=True).tolist() == elements


@pytest.mark.parametrize("values", [[], [1.5, -0.0, 3e38]])
def test_bf16_goes_through_the_client(values: list[float]) -> None:
    """Bits in, the same bits out."""
    array = np.array(values, ml_dtypes.bfloat16)
    assert through("BF16", array, binary=True).tobytes() == raw_from_array("BF16", array.view(np.uint16))
