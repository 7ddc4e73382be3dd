"""The example programs of Triton's own client, unmodified, against this server.

They come from `src/python/examples` of github.com/triton-inference-server/client, with their licence.
Those with memory of a GPU (`*cudashm*`) and with many answers to one request (`custom_repeat`) need what is
not offered here.
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

TRITON = Path(__file__).parents[2] / "triton"
PROGRAM_S_MAX = 60
SEVEN = "identity,simple,simple_dyna_sequence,simple_identity,simple_int8,simple_sequence,simple_string"

HTTP = (
    "reuse_infer_objects_client",  # over gRPC too, below
    "simple_http_aio_infer_client",
    "simple_http_async_infer_client",
    "simple_http_health_metadata",
    "simple_http_infer_client",
    "simple_http_sequence_sync_infer_client",
    "simple_http_shm_client",
    "simple_http_shm_string_client",
    "simple_http_string_infer_client",
)
GRPC = (
    "grpc_explicit_byte_content_client",
    "grpc_explicit_int8_content_client",
    "grpc_explicit_int_content_client",
    "simple_grpc_aio_infer_client",
    "simple_grpc_aio_sequence_stream_infer_client",
    "simple_grpc_async_infer_client",
    "simple_grpc_custom_args_client",
    "simple_grpc_health_metadata",
    "simple_grpc_infer_client",
    "simple_grpc_keepalive_client",
    "simple_grpc_sequence_stream_infer_client",
    "simple_grpc_sequence_sync_infer_client",
    "simple_grpc_shm_client",
    "simple_grpc_shm_string_client",
    "simple_grpc_string_infer_client",
)
NOT_OFFERED = {
    "simple_grpc_cudashm_client": "shared memory of CUDA; the program itself needs a GPU",
    "simple_grpc_custom_repeat": "many answers to one request",
    "simple_http_cudashm_client": "shared memory of CUDA; the program itself needs a GPU",
}
CONTROL = ("simple_http_model_control", "simple_grpc_model_control")  # they unload a model of the others


def run(name: str, address: str, *more: str) -> None:
    """The program must say so itself if it is not content: by its exit status."""
    ended = subprocess.run(
        [sys.executable, str(TRITON / "examples" / f"{name}.py"), "-u", address, *more],
        check=False,
        capture_output=True,
        text=True,
        timeout=PROGRAM_S_MAX,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_every_program_is_run_or_its_reason_stands_here() -> None:
    """A program that is dropped without a word would make this file a lie."""
    there = {path.stem for path in (TRITON / "examples").glob("*.py")}
    assert there == {*HTTP, *GRPC, *CONTROL, *NOT_OFFERED}


@pytest.mark.parametrize("name", HTTP)
def test_a_program_over_http_is_content(triton: Any, name: str) -> None:
    """What these do is what callers do."""
    run(name, triton.address)


@pytest.mark.parametrize("name", GRPC)
def test_a_program_over_grpc_is_content(triton: Any, name: str) -> None:
    """The same over the other protocol."""
    run(name, triton.grpc)


def test_the_program_that_uses_its_objects_again_is_content_over_grpc(triton: Any) -> None:
    """In shared memory, out of it, and in it again."""
    run("reuse_infer_objects_client", triton.grpc, "-i", "grpc")


@pytest.mark.parametrize("name", [name for name in (*HTTP, *GRPC) if "sequence" in name])
def test_a_program_with_numbered_sequences_is_content(triton: Any, name: str) -> None:
    """The parameters of sequences reach the model, as numbers and as texts."""
    run(name, triton.address if "http" in name else triton.grpc, "--dyna")


@pytest.mark.parametrize("compression", ["gzip", "deflate"])
@pytest.mark.parametrize("way", ["request", "response"])
def test_the_program_is_content_with_compressed_bodies(triton: Any, way: str, compression: str) -> None:
    """Its option for it."""
    option = f"--{way}-compression-algorithm"
    run("simple_http_infer_client", triton.address, option, compression)


def test_the_program_that_loads_and_unloads_over_http_is_content(start: Callable[..., Any]) -> None:
    """It wants seven models, loads one anew with another `max_batch_size`, and unloads it."""
    started = start(str(TRITON / "repository"), "--models", SEVEN)
    run("simple_http_model_control", started.address)


def test_the_program_that_loads_and_unloads_over_grpc_is_content(start: Callable[..., Any]) -> None:
    """It wants eight."""
    started = start(str(TRITON / "repository"), "--grpc", "127.0.0.1:0")
    run("simple_grpc_model_control", started.grpc)
