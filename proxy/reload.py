"""Hot reload: parse → all problems, or build → swap one reference. A bad table changes nothing.

The file is watched by its identity (device, inode, size, times) through every link, so that edits in
place, atomic renames and ConfigMap symlink flips are all seen; a change is read only once the file has
stopped changing, so that a half-written one is not. SIGHUP reads at once, and rebuilds even where the
file is the same (its labeler files may have changed). Nothing is dropped: gates, pools, counters and
queue live outside the snapshot or are carried over by it.
"""

import asyncio
import contextlib
import enum
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from proxy.loading import Loaded
from proxy.pipeline import Pipeline
from proxy.ports import Log
from proxy.routing.problems import Problems
from proxy.routing.table import digest_of
from proxy.snapshot import SnapshotBuilder

POLL_S = 0.1
"""How often the file is looked at."""

UNQUIET_LOOKS_MAX = 5
"""A file that changes at every look is read after so many: a steady stream of tables is served too."""

PROBLEMS_LOGGED_MAX = 20


Load = Callable[[Path, bytes], Loaded | Problems]
"""What becomes of a table's text; files that it names are relative to the path's folder."""


class Reload(enum.Enum):
    """How a reload ended."""

    ACCEPTED = "accepted"
    REFUSED = "refused"  # problems in the table
    UNREADABLE = "unreadable"  # the file is not there, or cannot be read
    UNCHANGED = "unchanged"


class Signature(msgspec.Struct, frozen=True):
    """What changes when a file's content does, however it is replaced."""

    device: int
    inode: int
    size: int
    modified_ns: int
    changed_ns: int


class Reloader:
    """Watches the table's file and swaps snapshots. `last_problems` is '' while the last table is good."""

    def __init__(
        self,
        *,
        path: Path,
        load: Load,
        builder: SnapshotBuilder,
        pipeline: Pipeline,
        swapped: Callable[[Loaded], None],
        log: Log,
    ) -> None:
        self._path = path
        self._load = load
        self._builder = builder
        self._pipeline = pipeline
        self._swapped = swapped
        self._log = log
        self._lock = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._hurried: set[asyncio.Task[Reload]] = set()
        self._digest = pipeline.snapshot.table.digest
        self.counts: Counter[str] = Counter()
        self.last_problems = ""

    def start(self) -> None:
        """Begin to watch."""
        self._task = asyncio.get_running_loop().create_task(self._watch())

    async def stop(self) -> None:
        """Stop watching; a reload asked for by signal is finished."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await asyncio.gather(*self._hurried)

    def hurry(self) -> None:
        """Reload now (SIGHUP)."""
        task = asyncio.get_running_loop().create_task(self.reload("signal", force=True))
        self._hurried.add(task)
        task.add_done_callback(self._hurried.discard)

    async def reload(self, cause: str, *, force: bool = False) -> Reload:
        """Read, parse, build and swap; `force` rebuilds from the same content too."""
        async with self._lock:
            result = await self._reload(cause, force)
            self.counts[result.value] += 1
            return result

    async def _reload(self, cause: str, force: bool) -> Reload:
        try:
            data = await asyncio.to_thread(self._path.read_bytes)
        except OSError as error:
            self._refused(cause, Reload.UNREADABLE, [f"{self._path}: {error.strerror}"])
            return Reload.UNREADABLE
        if not force and digest_of(data) == self._digest:
            self._unchanged(cause)
            return Reload.UNCHANGED
        loaded = await asyncio.to_thread(self._load, self._path, data)
        if isinstance(loaded, Problems):
            self._refused(cause, Reload.REFUSED, loaded.lines(str(self._path)))
            return Reload.REFUSED
        self.last_problems = ""
        self._swap(loaded, cause)
        return Reload.ACCEPTED

    def _unchanged(self, cause: str) -> None:
        """The table in service; parsing 10,000 rows again would slow the requests of that moment."""
        if self.last_problems:  # else the refusal would be the log's last word
            self._log.info("table_restored", cause=cause, still_serving=self._pipeline.snapshot.generation)
        self.last_problems = ""

    def _swap(self, loaded: Loaded, cause: str) -> None:
        pipeline = self._pipeline
        pipeline.swap(self._builder.build(loaded.table, loaded.labeling, pipeline.snapshot))
        self._digest = loaded.table.digest
        self._swapped(loaded)
        self._log.info(
            "table_reloaded",
            cause=cause,
            generation=pipeline.snapshot.generation,
            rows=len(loaded.table.rows),
            digest=loaded.table.digest[:12],
        )

    def _refused(self, cause: str, result: Reload, lines: Iterable[str]) -> None:
        shown = list(lines)
        self.last_problems = "\n".join(shown[:PROBLEMS_LOGGED_MAX])
        self._log.error(
            "table_refused",
            cause=cause,
            result=result.value,
            problems=shown[:PROBLEMS_LOGGED_MAX],
            count=len(shown),
            still_serving=self._pipeline.snapshot.generation,
        )

    async def _watch(self) -> None:
        settled: Signature | None = None  # the first look compares contents: the file may have changed since
        seen = self._signature()
        unquiet = 0
        while True:
            await asyncio.sleep(POLL_S)
            now = self._signature()
            unquiet = unquiet + 1 if now != seen else 0
            if now != settled and (now == seen or unquiet >= UNQUIET_LOOKS_MAX):
                settled, unquiet = now, 0
                await self.reload("file changed")
            seen = now

    def _signature(self) -> Signature | None:
        try:
            stat = self._path.stat()
        except OSError:
            return None
        return Signature(stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
