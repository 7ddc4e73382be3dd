"""A Triton server with the identity model in its Python backend; `.venv-triton` runs it. Argument: a port."""

import sys
import tempfile

import numpy as np
from pytriton.decorators import batch
from pytriton.model_config import ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig


@batch
def identity(INPUT0: np.ndarray) -> list[np.ndarray]:  # noqa: N803 - the argument is the tensor's name
    """The input as it came."""
    return [INPUT0]


def main() -> None:
    """Serve until standard input ends or a signal comes."""
    config = TritonConfig(
        http_address="127.0.0.1", http_port=int(sys.argv[1]), allow_grpc=False, allow_metrics=False
    )
    with tempfile.TemporaryDirectory() as folder, Triton(config=config, workspace=f"{folder}/w") as triton:
        triton.bind(
            model_name="identity",
            infer_func=identity,
            inputs=[Tensor(name="INPUT0", dtype=np.float32, shape=(-1,))],
            outputs=[Tensor(name="OUTPUT0", dtype=np.float32, shape=(-1,))],
            config=ModelConfig(max_batch_size=64),
            strict=False,
        )
        triton.run()
        sys.stdin.read()


if __name__ == "__main__":
    main()
