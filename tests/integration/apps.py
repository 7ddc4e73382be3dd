"""The proxy in the test's own process and event loop: everything real but the signals."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from proxy.app import App, ServeOptions
from proxy.clock import LiveClock
from proxy.loading import Loader, load_file
from proxy.offline.open import open_queue
from proxy.watchdog import Watchdog
from tests.integration.callers import Response, get
from tests.stand_ins.log import RecordingLog


class RunningApp:
    """A proxy that serves, its ports and its log."""

    def __init__(self, app: App, port: int, admin_port: int, log: RecordingLog) -> None:
        self.app = app
        self.port = port
        self.admin_port = admin_port
        self.log = log

    async def admin(self, path: str, method: str = "GET") -> Response:
        return await get(self.admin_port, path, method)


@asynccontextmanager
async def running(table: Path, queue: str = "memory://", **options: object) -> AsyncIterator[RunningApp]:
    """A proxy over a table file, on free ports of loopback."""
    log = RecordingLog()
    watchdog = Watchdog()
    watchdog.start()
    loader = Loader(environ=os.environ, clock=LiveClock(), log=log, watchdog=watchdog)
    offline = await open_queue(queue, clock=LiveClock(), log=log)
    free = ("127.0.0.1", 0)
    settings = ServeOptions(table=table, listen=free, admin=free, queue=queue, drain_s=2.0, **options)  # type: ignore[arg-type]
    app = App(settings, loader, load_file(loader, table), offline, log)
    bound = await app.start()
    try:
        yield RunningApp(app, bound["http"][1], bound["admin"][1], log)
    finally:
        await app.stop()
        await offline.close()
        watchdog.stop()


def at_home(table: str, urls: dict[str, str]) -> str:
    """A table's text with the endpoints of the founding table replaced by those of stubs."""
    for application, url in urls.items():
        table = table.replace(f"http://127.0.0.1:900{application}", url)
    return table


async def no_tasks_left() -> list[str]:
    """Names of tasks beside the caller's own: a request must leave none behind."""
    mine = asyncio.current_task()
    return [task.get_name() for task in asyncio.all_tasks() if task is not mine]
