"""A worker over gRPC, asked by the client that most people use and by hand."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import ml_dtypes
import numpy as np
import pytest
from tritonclient.grpc import InferenceServerClient, InferInput, InferRequestedOutput, service_pb2
from tritonclient.grpc.service_pb2_grpc import GRPCInferenceServiceStub
from tritonclient.utils import InferenceServerException

from oip import grpc_service_pb2 as ours

BYTES = np.array([b"a\0b\0", b"", "\u4f60\u597d".encode(), b"\xff\xfe"], object)
LARGE = 8_000_000  # gRPC's own limit for a message is 4 MiB


@pytest.fixture
def client(light: Any) -> Iterator[Any]:
    with InferenceServerClient(light.grpc) as opened:
        yield opened


@pytest.fixture
def stub(light: Any) -> Iterator[Any]:
    with grpc.insecure_channel(light.grpc) as channel:
        yield GRPCInferenceServiceStub(channel)


def tensor(name: str, array: np.ndarray, datatype: str) -> InferInput:
    made = InferInput(name, list(array.shape), datatype)
    made.set_data_from_numpy(array)
    return made


def message(datatype: str = "INT32", shape: tuple[int, ...] = (2,), **contents: Any) -> Any:
    given = service_pb2.ModelInferRequest.InferInputTensor(
        name="INPUT0",
        datatype=datatype,
        shape=shape,
        contents=service_pb2.InferTensorContents(**contents) if contents else None,
    )
    return service_pb2.ModelInferRequest(model_name="identity", id="q", inputs=[given])


@pytest.mark.parametrize(
    ("array", "datatype"),
    [
        (BYTES, "BYTES"),
        (np.array([1.5, -2, np.inf], np.float16), "FP16"),
        (np.array([1.5, -2], ml_dtypes.bfloat16), "BF16"),
        (np.array([[True], [False]]), "BOOL"),
        (np.array([], np.float64), "FP64"),
        (np.arange(LARGE // 8, dtype=np.uint64), "UINT64"),
    ],
)
def test_the_client_gets_back_what_it_sent(client: Any, array: np.ndarray, datatype: str) -> None:
    """Every bit, raw both ways, above gRPC's own limit for messages too."""
    result = client.infer("identity", [tensor("INPUT0", array, datatype)], request_id="seven")
    assert result.get_response().id == "seven"
    back = result.as_numpy("OUTPUT0")
    assert back.shape == array.shape
    assert back.tolist() == array.tolist()


def test_the_client_gets_the_outputs_it_names_in_its_order(client: Any) -> None:
    """One raw content per output, in the order of the outputs."""
    a = np.arange(16, dtype=np.int32).reshape(1, 16)
    outputs = [InferRequestedOutput(name) for name in ("OUTPUT1", "OUTPUT0")]
    inputs = [tensor("INPUT0", a, "INT32"), tensor("INPUT1", a + 1, "INT32")]
    result = client.infer("simple", inputs, outputs=outputs)
    assert [each.name for each in result.get_response().outputs] == ["OUTPUT1", "OUTPUT0"]
    assert (result.as_numpy("OUTPUT0") == a + a + 1).all()
    assert (result.as_numpy("OUTPUT1") == -1).all()


def test_the_client_finds_everything_ready_and_described(client: Any) -> None:
    """Probes, metadata, configuration, statistics and the index."""
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("simple", "1")
    assert not client.is_model_ready("simple", "2")
    assert not client.is_model_ready("none")
    described = client.get_model_metadata("simple")
    assert described.versions == ["1"]
    assert (described.inputs[0].name, list(described.inputs[0].shape)) == ("INPUT0", [-1, 16])
    assert client.get_model_config("simple").config.input[0].data_type == 8  # TYPE_INT32
    assert {each.name: each.state for each in client.get_model_repository_index().models} == {
        "identity": "READY",
        "simple": "READY",
    }


def test_statistics_count_what_was_answered(client: Any) -> None:
    """Success by success."""

    def count() -> int:
        (stats,) = client.get_inference_statistics("identity").model_stats
        return stats.inference_stats.success.count

    before = count()
    for _ in range(3):
        client.infer("identity", [tensor("INPUT0", BYTES, "BYTES")])
    assert count() - before == 3
    assert len(client.get_inference_statistics().model_stats) == 2


@pytest.mark.parametrize(
    ("datatype", "contents", "raw"),
    [
        ("INT8", {"int_contents": [-128, 127]}, b"\x80\x7f"),
        ("INT16", {"int_contents": [-2, 1]}, b"\xfe\xff\x01\0"),
        ("UINT8", {"uint_contents": [0, 255]}, b"\0\xff"),
        ("INT64", {"int64_contents": [1, -1]}, b"\1" + bytes(7) + b"\xff" * 8),
        ("BOOL", {"bool_contents": [True, False]}, b"\1\0"),
        ("FP32", {"fp32_contents": [1.5, -2]}, np.array([1.5, -2], "<f4").tobytes()),
        ("BYTES", {"bytes_contents": [b"a", b"\0"]}, b"\1\0\0\0a\1\0\0\0\0"),
    ],
)
def test_typed_contents_are_taken_and_answered_raw(
    stub: Any, datatype: str, contents: dict[str, Any], raw: bytes
) -> None:
    """Small integers travel in wider fields; answers are raw whatever came."""
    answer = stub.ModelInfer(message(datatype, **contents))
    assert list(answer.raw_output_contents) == [raw]
    assert answer.id == "q"
    assert not answer.outputs[0].HasField("contents")


@pytest.mark.parametrize(
    ("given", "code", "words"),
    [
        (message("INT8", int_contents=[1, 300]), "INVALID_ARGUMENT", "out of the range of INT8"),
        (message("UINT8", uint_contents=[1, 256]), "INVALID_ARGUMENT", "out of the range of UINT8"),
        (message("INT32", int_contents=[1]), "INVALID_ARGUMENT", "holds 1 values"),
        (message("INT32", fp32_contents=[1, 2]), "INVALID_ARGUMENT", "travels in int_contents"),
        (message("FP16", fp32_contents=[1, 2]), "INVALID_ARGUMENT", "raw_input_contents only"),
        (message("BF16", fp32_contents=[1, 2]), "INVALID_ARGUMENT", "raw_input_contents only"),
        (message("FP8", fp32_contents=[1, 2]), "INVALID_ARGUMENT", "unknown datatype"),
        (message("INT32", shape=(-2, -1), int_contents=[1, 2]), "INVALID_ARGUMENT", "negative"),
        (message("INT32", shape=(2**40, 2**40), int_contents=[1]), "INVALID_ARGUMENT", "more than"),
        (service_pb2.ModelInferRequest(model_name="none"), "NOT_FOUND", "no model 'none'"),
    ],
)
def test_a_wrong_request_is_refused_in_words(stub: Any, given: Any, code: str, words: str) -> None:
    """The right code: UNKNOWN would send it through every tier."""
    with pytest.raises(grpc.RpcError, match=words) as caught:
        stub.ModelInfer(given)
    assert caught.value.code().name == code


def test_raw_and_typed_contents_are_not_mixed(stub: Any) -> None:
    """The protocol says so: what would count is unclear."""
    given = message("INT32", int_contents=[1, 2])
    given.raw_input_contents.append(bytes(8))
    with pytest.raises(grpc.RpcError, match="beside raw_input_contents"):
        stub.ModelInfer(given)
    given.raw_input_contents.append(bytes(8))
    with pytest.raises(grpc.RpcError, match="2 raw_input_contents come with 1"):
        stub.ModelInfer(given)


def test_raw_contents_of_the_wrong_size_are_refused(stub: Any) -> None:
    """Never read beyond, never filled up."""
    given = message("INT32")
    given.raw_input_contents.append(bytes(7))
    with pytest.raises(grpc.RpcError, match="has 7 bytes of data") as caught:
        stub.ModelInfer(given)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_a_stream_is_answered_in_order_also_where_one_fails(light: Any) -> None:
    """A stream outlives a bad request of it; each answer says that it is its request's last."""
    requests = [message("INT32", int_contents=[number, number]) for number in range(100)]
    requests[50] = message("INT8", int_contents=[1, 300])
    with grpc.insecure_channel(light.grpc) as channel:
        answers = list(GRPCInferenceServiceStub(channel).ModelStreamInfer(iter(requests), timeout=30))
    firsts = [
        np.frombuffer(each.infer_response.raw_output_contents[0], "<i4")[0]
        for each in answers
        if not each.error_message
    ]
    assert firsts == [number for number in range(100) if number != 50]
    assert "out of the range" in answers[50].error_message
    assert answers[0].infer_response.parameters["triton_final_response"].bool_param


def test_a_failed_model_is_internal(client: Any) -> None:
    """As 500 is over HTTP."""
    with pytest.raises(InferenceServerException, match="asked to fail") as caught:
        client.infer("identity", [tensor("INPUT0", BYTES, "BYTES")], parameters={"fail": True})
    assert caught.value.status() == "StatusCode.INTERNAL"


def test_overload_lateness_and_departure_have_their_own_codes(start: Callable[..., Any], gate: Any) -> None:
    """One runs, one waits; a third is refused, a late one expires, and one that left frees its place."""
    started = start(str(gate.folder), "--grpc", "127.0.0.1:0")
    with grpc.insecure_channel(started.grpc) as channel:
        stub = GRPCInferenceServiceStub(channel)

        def ask(name: str, timeout: float | None = 30) -> Any:
            given = message("INT32", int_contents=[1, 2])
            given.model_name = "gate"
            given.parameters["as"].string_param = name
            return stub.ModelInfer.future(given, timeout=timeout)

        first = ask("first")
        gate.wait_entered("first")
        late = ask("late", timeout=0.2)
        assert late.code() == grpc.StatusCode.DEADLINE_EXCEEDED
        second = ask("second")
        third, fourth = ask("third"), ask("fourth")
        refused = [each for each in (second, third, fourth) if _ended(each)]
        assert {each.code() for each in refused} == {grpc.StatusCode.RESOURCE_EXHAUSTED}
        (waits,) = [each for each in (second, third, fourth) if each not in refused]
        waits.cancel()
        last = _until_taken(ask)
        gate.open()
        assert first.result().id == "q"
        assert last.result().id == "q"
    assert gate.entered() == ["first", "last"]


def _ended(call: Any) -> bool:
    """Whether a call ends while nothing is let through."""
    try:
        call.exception(timeout=1)
    except grpc.FutureTimeoutError:
        return False
    return True


def _until_taken(ask: Callable[[str], Any]) -> Any:
    """Ask until the place is free: the cancellation is on its way."""
    began = time.monotonic()
    while time.monotonic() - began < 30:
        call = ask("last")
        if not _ended(call):
            return call
    return pytest.fail("the caller that left kept its place")


def test_our_messages_live_beside_another_librarys() -> None:
    """Both in one process, of one name and with the same bytes; ours have `properties` too."""
    theirs = service_pb2.ModelMetadataResponse(name="m", platform="p")
    made = ours.ModelMetadataResponse.FromString(theirs.SerializeToString())
    assert (made.name, made.platform) == ("m", "p")
    made.properties["a"] = "b"
    assert service_pb2.ModelMetadataResponse.FromString(made.SerializeToString()).name == "m"
