"""Hot reload: parse → all problems, or build → swap one reference. A bad table changes nothing.

The file is watched (`watcher.py`). SIGHUP reads at once, and rebuilds even where the file is the same (its
labeler files may have changed). Nothing is dropped: gates, pools, counters and queue live outside the
snapshot or are carried over by it.
"""

import asyncio
import enum
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from proxy.loading import Loaded
from proxy.pipeline import Pipeline
from proxy.ports import Log
from proxy.routing.problems import Problems
from proxy.routing.table import digest_of
from proxy.snapshot import SnapshotBuilder
from proxy.watcher import Watcher

PROBLEMS_LOGGED_MAX = 20


Load = Callable[[Path, bytes], Loaded | Problems]
"""What becomes of a table's text; files that it names are relative to the path's folder."""


class Reload(enum.Enum):
    """How a reload ended."""

    ACCEPTED = "accepted"
    REFUSED = "refused"  # problems in the table
    UNREADABLE = "unreadable"  # the file is not there, or cannot be read
    UNCHANGED = "unchanged"


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
        self._watcher = Watcher((path,), lambda: self.reload("file changed"))
        self._hurried: set[asyncio.Task[Reload]] = set()
        self._digest = pipeline.snapshot.table.digest
        self.counts: Counter[str] = Counter()
        self.last_problems = ""

    def start(self) -> None:
        """Begin to watch."""
        self._watcher.start()

    async def stop(self) -> None:
        """Stop watching; a reload asked for by signal is finished."""
        await self._watcher.stop()
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
