"""A real Triton server with small models, for tests; run by `.venv-triton`, not by `.venv`.

Binds `identity_bytes`, `identity_fp16`, `identity_fp32`, `identity_int32` (INPUT to OUTPUT, batched, second
dimension free) and `add_sub` (A and B to SUM and DIFFERENCE, INT32, not batched). Prints `triton ready`
when all of them answer. Ends when its standard input does, so that it never outlives a test run that was
killed.
"""

import argparse
import contextlib
import sys
from collections.abc import Callable

import numpy as np
from pytriton.decorators import batch
from pytriton.model_config import ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig, TritonSecurityConfig

Arrays = list[np.ndarray]

IDENTITIES = {
    "identity_bytes": np.object_,
    "identity_fp16": np.float16,
    "identity_fp32": np.float32,
    "identity_int32": np.int32,
}
ROWS_MAX = 64
EXIT_S = 5


@batch
def identity(INPUT: np.ndarray) -> Arrays:  # noqa: N803 - the argument is the tensor's name
    """The input as it came."""
    return [INPUT]


def add_sub(requests: list) -> list[dict[str, np.ndarray]]:
    """Sum and difference, for each request apart."""
    return [{"SUM": each["A"] + each["B"], "DIFFERENCE": each["A"] - each["B"]} for each in requests]


def bind(triton: Triton) -> None:
    """Load the models."""
    for name, dtype in IDENTITIES.items():
        _bind(triton, name, identity, {"INPUT": dtype}, {"OUTPUT": dtype}, batching=True)
    both = {"A": np.int32, "B": np.int32}
    _bind(triton, "add_sub", add_sub, both, {"SUM": np.int32, "DIFFERENCE": np.int32}, batching=False)


def _bind(triton: Triton, name: str, infer: Callable, inputs: dict, outputs: dict, *, batching: bool) -> None:
    triton.bind(
        model_name=name,
        infer_func=infer,
        inputs=[Tensor(name=each, dtype=dtype, shape=(-1,)) for each, dtype in inputs.items()],
        outputs=[Tensor(name=each, dtype=dtype, shape=(-1,)) for each, dtype in outputs.items()],
        config=ModelConfig(batching=batching, max_batch_size=ROWS_MAX),
        strict=False,
    )


def main() -> None:
    """Serve on the ports given, loopback only, until standard input ends."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--http", type=int, required=True, metavar="PORT")
    options.add_argument("--grpc", type=int, required=True, metavar="PORT")
    ports = options.parse_args()
    config = TritonConfig(
        http_address="127.0.0.1",
        http_port=ports.http,
        grpc_address="127.0.0.1",
        grpc_port=ports.grpc,
        allow_metrics=False,
        exit_timeout_secs=EXIT_S,
    )
    # Triton's own log goes to standard error, so that standard output has one line only.
    # By itself it wants a token for calls about shared memory, too; here only for those that nobody makes.
    security = TritonSecurityConfig(restricted_endpoints=["trace"])
    with (
        contextlib.redirect_stdout(sys.stderr),
        Triton(config=config, security_config=security) as triton,
    ):
        bind(triton)
        triton.run()
        print("triton ready", file=sys.__stdout__, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
