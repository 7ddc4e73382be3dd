"""A Triton server with a picture classifier in its Python backend: JPEGs decoded by the GPU, batched by it.

    python -m sim.bench.servers.triton_pictures TRITON PORT resnet50 vit-b16

TRITON is the folder `pytriton/tritonserver` of the package nvidia-pytriton. The network is the one that
`workers.bench.models` writes, in half precision; torchvision and PyTorch decode and resize.
"""

import os
import sys
import tempfile
from pathlib import Path

CODE = Path(__file__).with_name("triton_pictures_model.py")
CONFIG = """
backend: "python"
max_batch_size: 128
input [{{ name: "IMAGE" data_type: TYPE_STRING dims: [ 1 ] }}]
output [{{ name: "RISK" data_type: TYPE_FP32 dims: [ 1 ] }}]
instance_group [{{ count: 2 kind: KIND_GPU }}]
dynamic_batching {{ preferred_batch_size: [ 128 ] max_queue_delay_microseconds: {delay} }}
parameters [{{ key: "network" value: {{ string_value: "{name}" }} }}]
"""


def main() -> None:
    """Become the server."""
    triton, port, *names = sys.argv[1:]
    folder = Path(tempfile.mkdtemp())
    for name in names:
        (folder / name / "1").mkdir(parents=True)
        (folder / name / "1" / "model.py").write_text(CODE.read_text())
        delay = os.environ.get("DELAY_US", "2000")
        (folder / name / "config.pbtxt").write_text(CONFIG.format(name=name, delay=delay))
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    backends = Path(tempfile.mkdtemp())
    (backends / "python").mkdir(parents=True)
    for path in (Path(triton) / "backends" / "python").iterdir():
        (backends / "python" / path.name).symlink_to(path)
    stub = Path(triton) / "python_backend_stubs" / version / "triton_python_backend_stub"
    (backends / "python" / stub.name).symlink_to(stub)
    command = [
        str(Path(triton) / "bin" / "tritonserver"),
        f"--model-repository={folder}",
        f"--backend-directory={backends}",
        f"--http-port={port}",
        "--allow-grpc=false",
        "--allow-metrics=false",
        "--http-thread-count=16",
        "--cuda-memory-pool-byte-size=0:268435456",
    ]
    os.execv(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main()
