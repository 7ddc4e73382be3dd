"""A child process that holds all models and answers one inference at a time over a pipe.

It ends when its parent's end of the pipe closes, however the parent ended. Signals are the parent's
business: a terminal or a service manager sends them to both, and the parent wants its answers first.
"""

import contextlib
import multiprocessing
import signal
from collections.abc import Sequence
from multiprocessing.connection import Connection
from time import perf_counter

from workers.device import Ground
from workers.entry import Entry
from workers.errors import NotReady, Unusable, WorkerError
from workers.model import Model
from workers.oip.datatypes import BadTensor
from workers.oip.tensors import InferRequest
from workers.ports import Tensors
from workers.surroundings import settle

CLOSE_S_MAX = 2.0


class Child:
    """The parent's handle. Not for two threads at once."""

    def __init__(self, entries: Sequence[Entry], ground: Ground) -> None:
        context = multiprocessing.get_context("spawn")  # a forked child would share locks of running threads
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, entries, ground), daemon=True)
        self._process.start()
        theirs.close()

    def wait_loaded(self) -> list[str]:
        """Block until all models are proved; a line on each. Raises Unusable, or NotReady if it died."""
        return self._receive()  # type: ignore[return-value]

    def infer(self, name: str, version: str, request: InferRequest) -> Tensors:
        """Block for the outputs. Raises what the model raised, or NotReady if the child died."""
        try:
            self._pipe.send((name, version, request))
        except OSError as error:
            raise NotReady("the model's process died") from error
        return self._receive()  # type: ignore[return-value]

    def kill(self) -> None:
        """End the child at once; whoever waits for it gets NotReady."""
        self._process.kill()

    def close(self) -> None:
        """End the child: it sees the closed pipe. One that is stuck in a library is killed."""
        self._pipe.close()
        self._process.join(CLOSE_S_MAX)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def _receive(self) -> object:
        try:
            result = self._pipe.recv()
        except (EOFError, OSError) as error:
            raise NotReady("the model's process died") from error
        if isinstance(result, Exception):
            raise result
        return result


def serve(pipe: Connection, entries: Sequence[Entry], ground: Ground) -> None:
    """The child's whole life."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    settle()
    models: dict[tuple[str, str], Model] = {}
    lines: list[str] = []
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):  # the parent is gone
        try:
            for entry in entries:
                start_s = perf_counter()
                model = models[entry.name, entry.version] = Model(entry)
                where = model.initialise(ground)
                seconds = perf_counter() - start_s
                lines.append(f"{entry.name} {entry.version}: ready on {where} in {seconds:.1f} s")
        except Unusable as error:
            pipe.send(Unusable(str(error)))
            return
        pipe.send(lines)
        while True:
            name, version, request = pipe.recv()
            pipe.send(_answer(models[name, version], request))
    for model in models.values():
        model.release()


def _answer(model: Model, request: InferRequest) -> Tensors | Exception:
    try:
        return model.infer(request)
    except (WorkerError, BadTensor) as error:
        return error
