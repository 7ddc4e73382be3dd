"""Models in child processes: N inferences at once whatever the GIL does, and a crash takes one child only."""

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from workers.child import Child
from workers.device import Ground
from workers.entry import Entry
from workers.errors import NotReady, Unusable, WorkerError
from workers.oip.tensors import InferRequest
from workers.ports import Tensors
from workers.threads import Key, key_of

CHILD_WAIT_S_MAX = 120.0  # for a request without a deadline, when children died and load again
REPLACEMENTS_MAX = (
    3  # attempts in a row to replace a dead child; after that the server is less, or not, ready
)


class Processes:
    """Runs inferences in N children; one thread here per child. A child that dies is replaced."""

    def __init__(self, entries: Sequence[Entry], ground: Ground, count: int) -> None:
        self._entries = entries
        self._ground = ground
        self._count = count
        self._keys = frozenset(key_of(entry) for entry in entries)
        self._children: set[Child] = set()  # all that live; its size is what readiness asks for
        self._idle: queue.SimpleQueue[Child] = queue.SimpleQueue()
        self._loaded = False
        self._executor = ThreadPoolExecutor(count, thread_name_prefix="child")
        self._replacing: list[threading.Thread] = []
        self._stopping = threading.Event()
        self._tell: Callable[[str], None] = _nowhere

    def load(self, tell: Callable[[str], None]) -> None:
        """Start all children and wait until each has proved every model; blocks. Raises Unusable."""
        self._tell = tell
        children = [Child(self._entries, self._ground) for _ in range(self._count)]
        self._children.update(children)
        for number, child in enumerate(children, 1):
            try:
                lines = child.wait_loaded()
            except NotReady as error:
                if self._stopping.is_set():
                    return
                raise Unusable(f"process {number} of {self._count} died while it loaded") from error
            for line in lines:
                tell(f"process {number} of {self._count}: {line}")
            self._idle.put(child)
        self._loaded = True

    def capacity(self, entry: Entry) -> int:
        """Inferences at once: of all models together."""
        del entry
        return self._count

    def ready(self, key: Key) -> bool:
        """Whether some child can answer."""
        return self._loaded and key in self._keys and bool(self._children)

    def submit(self, key: Key, request: InferRequest, gate: Callable[[], None]) -> "Future[Tensors]":
        """Run an inference; `gate` is called right before and may raise in its place."""
        return self._executor.submit(self._work, key, request, gate)

    def stop_loading(self) -> None:
        """End the children while they load."""
        self._stopping.set()
        for child in tuple(self._children):
            child.kill()

    def close(self) -> None:
        """Drop what waits, let what runs finish, and end the children."""
        self._stopping.set()
        self._executor.shutdown(wait=True, cancel_futures=True)
        for child in tuple(self._children):
            child.close()
        for thread in self._replacing:
            thread.join()
        self._children.clear()

    def _work(self, key: Key, request: InferRequest, gate: Callable[[], None]) -> Tensors:
        try:
            child = self._idle.get(timeout=CHILD_WAIT_S_MAX)
        except queue.Empty as error:
            raise NotReady("no process is left to run the model") from error
        try:
            gate()
            outputs = child.infer(*key, request)
        except NotReady:
            self._bury(child)
            raise
        except BaseException:
            self._idle.put(child)
            raise
        self._idle.put(child)
        return outputs

    def _bury(self, child: Child) -> None:
        self._children.discard(child)
        child.close()
        if not self._stopping.is_set():
            self._tell("a process died; starting another")
            thread = threading.Thread(target=self._replace, name="replace-child")
            self._replacing.append(thread)
            thread.start()

    def _replace(self) -> None:
        for _ in range(REPLACEMENTS_MAX):
            if self._stopping.is_set():
                return
            child = Child(self._entries, self._ground)
            try:
                child.wait_loaded()
            except WorkerError as error:
                child.close()
                self._tell(f"the new process could not load: {error}")
                continue
            if self._stopping.is_set():
                child.close()
                return
            self._children.add(child)
            self._idle.put(child)
            self._tell("the new process is ready")
            return


def _nowhere(line: str) -> None:
    """Where lines go before anybody listens."""
