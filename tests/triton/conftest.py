"""A real Triton server for the tests of this folder, and what happens where there is none."""

import contextlib
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-triton" / "bin" / "python"
START_S_MAX = 120.0
STOP_S_MAX = 60.0


class TritonServer(msgspec.Struct, frozen=True, kw_only=True):
    """Where it listens; its models stand in `server.py`."""

    http_port: int
    grpc_port: int

    @property
    def http(self) -> str:
        """Host and port, as tritonclient wants them."""
        return f"127.0.0.1:{self.http_port}"

    @property
    def grpc(self) -> str:
        """Host and port, as tritonclient wants them."""
        return f"127.0.0.1:{self.grpc_port}"


@pytest.fixture(scope="session")
def triton_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TritonServer]:
    """A running Triton; skipped, with the reason, where `.venv-triton` is missing and not required."""
    if not PYTHON.exists():
        _missing()
    folder = tmp_path_factory.mktemp("triton")
    with _started(folder) as server:
        yield server


def _missing() -> None:
    reason = "no Triton server: .venv-triton is missing (make triton builds it)"
    if os.environ.get("PENSTOCK_REQUIRE_TRITON") == "1":
        pytest.fail(f"{reason}, and PENSTOCK_REQUIRE_TRITON=1 asks for it")
    pytest.skip(reason)


@contextlib.contextmanager
def _started(folder: Path) -> Iterator[TritonServer]:
    http_port, grpc_port = _free_ports(2)
    command = [str(PYTHON), str(ROOT / "tests" / "triton" / "server.py")]
    command += ["--http", str(http_port), "--grpc", str(grpc_port)]
    log = folder / "triton.log"
    with (
        log.open("wb") as log_file,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log_file,
            env={**os.environ, "PYTRITON_HOME": str(folder)},
        ) as process,
        _killed_after(START_S_MAX, process) as timer,
    ):
        _await_ready(process, log)
        timer.cancel()
        yield TritonServer(http_port=http_port, grpc_port=grpc_port)
        assert process.stdin is not None
        process.stdin.close()  # the server ends when its standard input does
        process.wait(STOP_S_MAX)


@contextlib.contextmanager
def _killed_after(limit_s: float, process: "subprocess.Popen[bytes]") -> Iterator[threading.Timer]:
    """Ends a process that hangs; whoever waits for it then sees it gone."""
    timer = threading.Timer(limit_s, process.kill)
    timer.start()
    try:
        yield timer
    finally:
        timer.cancel()
        process.kill()


def _await_ready(process: "subprocess.Popen[bytes]", log: Path) -> None:
    assert process.stdout is not None
    line = process.stdout.readline()
    if line != b"triton ready\n":
        pytest.fail(f"Triton did not start; its log:\n{log.read_text(errors='replace')[-4000:]}")


def _free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago: Triton cannot choose its own and say which."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
