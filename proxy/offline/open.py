"""Opens an offline queue by its URL: to own it and serve others, or to work on somebody's."""

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

from proxy.errors import QueueUnusable
from proxy.offline.limits import QueueLimits
from proxy.offline.memory import MemoryQueue
from proxy.offline.sqlite import open_sqlite
from proxy.ports import Clock, Log, OfflineQueue

MEMORY = "memory://"


async def open_queue(url: str, *, clock: Clock, log: Log, limits: QueueLimits | None = None) -> OfflineQueue:
    """Own the queue that `url` names: sqlite:///relative.db, sqlite:////absolute.db, memory://.

    Raises QueueOwned when another process owns it, QueueUnusable when it cannot be opened.
    """
    if url == MEMORY:
        return MemoryQueue(clock=clock, limits=limits)
    return await open_sqlite(path_of(url), clock=clock, log=log, limits=limits)


def path_of(url: str) -> Path:
    """The file that an sqlite URL names. Raises QueueUnusable for any other."""
    parts = urlsplit(url)
    path = unquote(parts.path)
    if parts.scheme != "sqlite" or parts.netloc or parts.query or parts.fragment or len(path) < 2:
        raise QueueUnusable(f"'{url}' is none of sqlite:///file.db, sqlite:////absolute/file.db, {MEMORY}")
    return Path(os.path.realpath(path[1:]))
