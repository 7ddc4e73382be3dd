"""Opens an offline queue by its URL: to own it and serve others, or to work on somebody's."""

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

from proxy.errors import QueueFailed, QueueOwned, QueueUnusable
from proxy.offline.limits import QueueLimits
from proxy.offline.memory import MemoryQueue
from proxy.offline.remote import RemoteQueue
from proxy.offline.server import QueueServer
from proxy.offline.sqlite import open_sqlite
from proxy.offline.wire import socket_path
from proxy.ports import Clock, Log, OfflineQueue

MEMORY = "memory://"


async def open_queue(url: str, *, clock: Clock, log: Log, limits: QueueLimits | None = None) -> OfflineQueue:
    """Own the queue that `url` names: sqlite:///relative.db, sqlite:////absolute.db, memory://.

    A file is made if it is not there, and other processes are served on a socket beside it. Raises
    QueueOwned when another process owns it, QueueUnusable when it cannot be opened.
    """
    if url == MEMORY:
        return MemoryQueue(clock=clock, limits=limits)
    path = path_of(url)
    queue = await open_sqlite(path, clock=clock, log=log, limits=limits)
    server = QueueServer(queue=queue, path=socket_path(path), log=log)
    try:
        await server.start()
    except QueueUnusable:
        await queue.close()
        raise
    queue.before_close = server.close
    return queue


async def attach_queue(url: str, *, clock: Clock, log: Log) -> OfflineQueue:
    """Work on a queue that is there: through its owner, or as the owner where it has none just now.

    Raises QueueUnusable where there is none or it cannot be opened, QueueOwned where the owner does not
    answer.
    """
    if url == MEMORY:
        raise QueueUnusable("a queue in memory lives inside its process alone")
    path = _there(path_of(url))
    try:
        return await open_sqlite(path, clock=clock, log=log)
    except QueueOwned as owned:
        remote = RemoteQueue(socket_path(path))
        try:
            await remote.stats()
        except QueueFailed as error:
            await remote.close()
            raise QueueOwned(f"{owned.args[0]}, and {error.args[0]}") from error
        return remote


def _there(path: Path) -> Path:
    if not path.exists():
        raise QueueUnusable(f"{path}: there is no such file (--queue names another)")
    return path


def path_of(url: str) -> Path:
    """The file that an sqlite URL names. Raises QueueUnusable for any other."""
    parts = urlsplit(url)
    path = unquote(parts.path)
    if parts.scheme != "sqlite" or parts.netloc or parts.query or parts.fragment or len(path) < 2:
        raise QueueUnusable(f"'{url}' is none of sqlite:///file.db, sqlite:////absolute/file.db, {MEMORY}")
    return Path(os.path.realpath(path[1:]))
