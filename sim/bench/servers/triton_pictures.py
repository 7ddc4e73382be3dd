"""A Triton server with a picture classifier in its Python backend: JPEGs decoded by the GPU, batched by it.

    python -m sim.bench.servers.triton_pictures TRITON PORT resnet50 vit-b16

TRITON is the folder `pytriton/tritonserver` of the package nvidia-pytriton. Its backend runs the
Python that comes first in PATH, with NumPy 1, for it reads arrays of newer ones wrongly: TRITON_PATH is put
there. With PLACE=CPU it is tried out.
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
instance_group [{{ count: 2 kind: KIND_{place} }}]
dynamic_batching {{ preferred_batch_size: [ 128 ] max_queue_delay_microseconds: {delay} }}
parameters [{{ key: "network" value: {{ string_value: "{name}" }} }}]
"""


def main() -> None:
    """Become the server."""
    triton, port, *names = sys.argv[1:]
    folder = Path(tempfile.mkdtemp())
    for name in names:
        (folder / name / "1").mkdir(parents=True)
        paths = f"import sys\n\nsys.path += {sys.path!r}\n"  # the backend does not look at PYTHONPATH
        (folder / name / "1" / "model.py").write_text(paths + CODE.read_text())
        settings = CONFIG.format(
            name=name, delay=os.environ.get("DELAY_US", "2000"), place=os.environ.get("PLACE", "GPU")
        )
        (folder / name / "config.pbtxt").write_text(settings)
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
    libraries = f"{Path(triton).parents[1] / 'nvidia_pytriton.libs'}:{os.environ.get('LD_LIBRARY_PATH', '')}"
    programs = f"{os.environ.get('TRITON_PATH', '')}:{os.environ.get('PATH', '')}".lstrip(":")
    surroundings = {**os.environ, "LD_LIBRARY_PATH": libraries, "PATH": programs}
    os.execve(command[0], command, surroundings)  # noqa: S606


if __name__ == "__main__":
    main()
