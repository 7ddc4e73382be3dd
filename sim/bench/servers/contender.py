"""The servers that are compared: how each is started with an identity model, and what it is sent.

Each runs in its own processes, on the first core; who calls is on the last.
"""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import msgspec

ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parent
VALUES = [number + 0.5 for number in range(16)]
START_S_MAX = 120.0
END_S_MAX = 15.0


class Absent(Exception):
    """The server is not installed here: says what would install it."""


class Contender(msgspec.Struct, frozen=True, kw_only=True):
    """One server. In `command`, {port} and {folder} are filled in."""

    name: str
    command: tuple[str, ...]
    model: str
    given: str  # the input's name
    needs: Path
    made_by: str
    environ: Mapping[str, str] = {}

    @property
    def path(self) -> str:
        """Where inferences are asked for."""
        return f"/v2/models/{self.model}/infer"

    @property
    def body(self) -> bytes:
        """Sixteen numbers as JSON."""
        tensor = {"name": self.given, "shape": [1, len(VALUES)], "datatype": "FP32", "data": VALUES}
        return json.dumps({"inputs": [tensor]}, separators=(",", ":")).encode()

    @property
    def request(self) -> bytes:
        """The whole request."""
        fields = f"Host: h\r\nContent-Type: application/json\r\nContent-Length: {len(self.body)}\r\n\r\n"
        return f"POST {self.path} HTTP/1.1\r\n{fields}".encode() + self.body


OURS = Contender(
    name="penstock worker",
    command=(
        *(sys.executable, "-m", "workers", str(HERE / "repository"), "--listen", "127.0.0.1:{port}"),
        *("--models", "identity", "--fronts", "1", "--cpu-processes", "0"),
    ),
    model="identity",
    given="INPUT0",
    needs=Path(sys.executable),
    made_by="make setup",
)
IN_FRONT = msgspec.structs.replace(
    OURS,
    name="penstock worker, model in the front",
    command=tuple("identity_front" if word == "identity" else word for word in OURS.command),
    model="identity_front",
)
MLSERVER = Contender(
    name="MLServer 1.7.1",
    command=(str(ROOT / ".venv-mlserver" / "bin" / "mlserver"), "start", "{folder}"),
    model="identity",
    given="INPUT0",
    needs=ROOT / ".venv-mlserver" / "bin" / "mlserver",
    made_by="make mlserver",
    environ={"PYTHONPATH": str(HERE)},
)
TRITON = Contender(
    name="Triton, Python backend",
    command=(str(ROOT / ".venv-triton" / "bin" / "python"), str(HERE / "triton_identity.py"), "{port}"),
    model="identity",
    given="INPUT0",
    needs=ROOT / ".venv-triton" / "bin" / "python",
    made_by="make triton",
)
ALL = (OURS, IN_FRONT, MLSERVER, TRITON)


class Running:
    """A contender that runs, on core `core`; use it as a context."""

    def __init__(self, contender: Contender, folder: Path, core: int) -> None:
        """Raises Absent."""
        if not contender.needs.exists():
            raise Absent(f"{contender.name}: not installed here; `{contender.made_by}` does it")
        self.contender = contender
        self.port = _free_port()
        self._folder = folder
        self._core = core
        self._log = folder / "log.txt"

    def __enter__(self) -> Self:
        _write_mlserver(self._folder, self.port)
        words = [word.format(port=self.port, folder=self._folder) for word in self.contender.command]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                words,
                cwd=ROOT,
                env={**os.environ, **self.contender.environ},
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        os.sched_setaffinity(self._process.pid, {self._core})
        self._wait()
        return self

    def __exit__(self, *error: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(END_S_MAX)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()

    @property
    def url(self) -> str:
        """For wrk."""
        return f"http://127.0.0.1:{self.port}{self.contender.path}"

    def spent_s(self) -> float:
        """Processor seconds of all its processes so far."""
        return sum(_spent_s(pid) for pid in _tree(self._process.pid))

    def _wait(self) -> None:
        """Until it answers, and rightly."""
        end_s = time.monotonic() + START_S_MAX
        while True:
            try:
                found = ask(self.port, self.contender)
            except (OSError, http.client.HTTPException, KeyError, ValueError) as error:
                if self._process.poll() is not None or time.monotonic() > end_s:
                    said = self._log.read_text(errors="replace")[-2000:]
                    raise RuntimeError(f"{self.contender.name} did not start: {error!r}\n{said}") from error
                time.sleep(0.2)
                continue
            assert found == VALUES, f"{self.contender.name} answers {found}"
            return


def ask(port: int, contender: Contender) -> list[float]:
    """What it answers. Raises what went wrong."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("POST", contender.path, contender.body, {"Content-Type": "application/json"})
        answer: list[float] = json.loads(connection.getresponse().read())["outputs"][0]["data"]
        return answer
    finally:
        connection.close()


def _write_mlserver(folder: Path, port: int) -> None:
    """Its configuration: one process, which is its fastest for a model that costs nothing."""
    settings = {
        "host": "127.0.0.1",
        "http_port": port,
        "grpc_port": _free_port(),
        "metrics_port": _free_port(),
        "parallel_workers": 0,
        "debug": False,
    }
    (folder / "settings.json").write_text(json.dumps(settings))
    model = {"name": "identity", "implementation": "mlserver_identity.Identity"}
    (folder / "model-settings.json").write_text(json.dumps(model))


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


def _tree(pid: int) -> list[int]:
    """A process and all that descend from it."""
    found = [pid]
    for each in found:
        for task in Path(f"/proc/{each}/task").glob("*/children"):
            found += [int(word) for word in task.read_text().split()]
    return found


def _spent_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
