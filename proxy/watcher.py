"""Watches files by their identity (device, inode, size, times), through every link.

Edits in place, atomic renames and ConfigMap symlink flips are all seen. A change is told only once the files
have stopped changing, so that half-written ones are not read. Never reads them.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

POLL_S = 0.1
"""How often the files are looked at."""

UNQUIET_LOOKS_MAX = 5
"""A change at every look is told after so many: a steady stream of tables is served too."""


class Signature(msgspec.Struct, frozen=True):
    """What changes when a file's content does, however it is replaced."""

    device: int
    inode: int
    size: int
    modified_ns: int
    changed_ns: int


class Watcher:
    """`start`, then `stop`. `changed` is awaited after each change, and once at the start."""

    def __init__(self, paths: tuple[Path, ...], changed: Callable[[], Awaitable[object]]) -> None:
        self._paths = paths
        self._changed = changed
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to watch."""
        self._task = asyncio.get_running_loop().create_task(self._watch())

    async def stop(self) -> None:
        """Stop watching. May be called unstarted."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _watch(self) -> None:
        settled: object = None  # what was read before may have changed since: the first look is told
        seen = self._signatures()
        unquiet = 0
        while True:
            await asyncio.sleep(POLL_S)
            now = self._signatures()
            unquiet = unquiet + 1 if now != seen else 0
            if now != settled and (now == seen or unquiet >= UNQUIET_LOOKS_MAX):
                settled, unquiet = now, 0
                await self._changed()
            seen = now

    def _signatures(self) -> tuple[Signature | None, ...]:
        return tuple(_signature(path) for path in self._paths)


def _signature(path: Path) -> Signature | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return Signature(stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
