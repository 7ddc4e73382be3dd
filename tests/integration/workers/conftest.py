"""A worker as users start it: a process of its own, on a port that the system picks."""

import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.workers.regions import SIZE, Object
from tests.integration.workers.wire import Wire

ROOT = Path(__file__).parents[3]
LIGHT = ROOT / "tests" / "models"
TRITON = ROOT / "tests" / "triton" / "repository"
READY = re.compile(r"^penstock worker ready http://([^ ]+) models=(\S+)$")
START_S_MAX = 120


class Started:
    """A running worker. `address` and, where it was asked for, `grpc` are HOST:PORT."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "workers", *arguments, "--listen", "127.0.0.1:0"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.errors: list[str] = []
        self._drain = threading.Thread(target=self._read_errors)
        self._drain.start()
        watchdog = threading.Timer(START_S_MAX, self.process.kill)
        watchdog.start()
        assert self.process.stdout is not None
        self.line = self.process.stdout.readline().strip()
        watchdog.cancel()
        found = READY.match(self.line)
        if found is None:
            self.stop()
            pytest.fail(f"the worker did not start: {self.line!r} {self.errors}")
        self.address, self.models = found.groups()
        self.grpc = ""
        if "--grpc" in arguments:
            self.grpc = f"127.0.0.1:{self.process.stdout.readline().rpartition(' ')[2].strip()}"

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it, and wait; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(START_S_MAX)
        self._drain.join()
        if self.process.stdout is not None:
            self.process.stdout.close()
        return code

    def children(self, role: str = "") -> list[int]:
        """Process ids of its children, all or of one role: front, stage, predictor."""
        pids = []
        for status in Path("/proc").glob("[0-9]*/status"):
            try:
                text = status.read_text()
                command = (status.parent / "cmdline").read_text()
            except OSError:  # it ended meanwhile
                continue
            if f"\nPPid:\t{self.process.pid}\n" in text and f"workers.tree.{role}" in command:
                pids.append(int(status.parent.name))
        return pids

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as stream:
            for line in stream:
                self.errors.append(line.rstrip())


@pytest.fixture(scope="module")
def light() -> Iterator[Started]:
    """A worker with the light models."""
    started = Started(str(LIGHT), "--grpc", "127.0.0.1:0")
    yield started
    assert started.stop() == 0


@pytest.fixture(scope="module")
def bundled() -> Iterator[Started]:
    """A worker with the four bundled models: loading takes seconds."""
    started = Started("--device", "cpu")
    yield started
    assert started.stop() == 0


@pytest.fixture(scope="module")
def triton() -> Iterator[Started]:
    """A worker with Triton's example models, under the name that two example programs look for."""
    started = Started(str(TRITON), "--name", "triton", "--grpc", "127.0.0.1:0")
    yield started
    assert started.stop() == 0


@pytest.fixture
def start() -> Iterator[Callable[..., Started]]:
    """Starts workers that the test ends itself, or that end with it."""
    running: list[Started] = []

    def begin(*arguments: str) -> Started:
        running.append(Started(*arguments))
        return running[-1]

    yield begin
    for started in running:
        started.stop(signal.SIGKILL)


class Gate:
    """A repository with one model, of which one inference runs at a time, and only when the test lets it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "gate").mkdir()
        (folder / "gate" / "model.yaml").write_text(GATE_CONFIG)
        (folder / "gate" / "model.py").write_text(GATE_CODE.format(folder=str(folder)))

    def entered(self) -> list[str]:
        """The names that inferences had in their parameter `as`, once they began."""
        return sorted(path.stem for path in self.folder.glob("*.entered"))

    def wait_entered(self, name: str) -> None:
        """Block until that inference has begun."""
        began = time.monotonic()
        while name not in self.entered():
            assert time.monotonic() - began < START_S_MAX
            time.sleep(0.01)

    def open(self) -> None:
        """Let all inferences end, these and later ones."""
        (self.folder / "open").touch()


GATE_CONFIG = """
name: gate
version: "1"
kind: tensors
backend: python
files: {model: model.py}
sample: {INPUT0: [1]}
concurrency: 1
queued_max: 1
"""
GATE_CODE = """
import time
from pathlib import Path
def infer(inputs, parameters):
    if "as" in parameters:
        Path("{folder}", parameters["as"] + ".entered").touch()
        while not Path("{folder}", "open").exists():
            time.sleep(0.01)
    return inputs
"""


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    """The repository of the gated model."""
    return Gate(tmp_path)


@pytest.fixture
def connect() -> Iterator[Callable[[str], Wire]]:
    """Opens connections that end with the test."""
    opened: list[Wire] = []

    def begin(address: str) -> Wire:
        opened.append(Wire(address))
        return opened[-1]

    yield begin
    for wire in opened:
        wire.socket.close()


@pytest.fixture
def wire(light: Started, connect: Callable[[str], Wire]) -> Wire:
    return connect(light.address)


@pytest.fixture
def objects() -> Iterator[Callable[..., Object]]:
    """Makes shared memory objects that end with the test."""
    made: list[Object] = []

    def make(size: int = SIZE) -> Object:
        made.append(Object(size))
        return made[-1]

    yield make
    for each in made:
        each.end()
