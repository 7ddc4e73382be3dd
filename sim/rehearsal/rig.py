"""The rig of a rehearsal: a stub server for each endpoint of a world, and a proxy over its table.

What a world is in virtual time stands here as processes: slots and service times by the same figures, the
same table, the offline queue on disk. Decides nothing. The plan's faults reach the proxy's own admin side.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from sim.load.target import read_target
from sim.replay.plan import Fault, ReplayPlan
from sim.story.children import Child, port_of
from sim.stubs.behaviours import Machines
from sim.world.plan import ServerPlan, WorldPlan

ADMIN = "127.0.0.1:9090"
"""Where the profiles look for the admin side."""

TABLE, QUEUE = "table.yaml", "queue.db"
DRAIN_S = 2


class Rig(msgspec.Struct, frozen=True, kw_only=True):
    """Where the proxy listens."""

    port: int
    admin_port: int

    def aimed(self, plan: ReplayPlan) -> ReplayPlan:
        """The plan, with this proxy as its target, metrics and faults."""
        url = f"http://127.0.0.1:{self.port}{plan.target.path}"
        faults = tuple(self._aimed(each) for each in plan.faults)
        return msgspec.structs.replace(
            plan, target=read_target(url), metrics=self._own(plan.metrics), faults=faults
        )

    def _aimed(self, fault: Fault) -> Fault:
        return msgspec.structs.replace(fault, url=self._own(fault.url))

    def _own(self, url: str) -> str:
        return url.replace(ADMIN, f"127.0.0.1:{self.admin_port}")


@asynccontextmanager
async def rigged(world: WorldPlan, processes: int) -> AsyncIterator[Rig]:
    """Started, and ended in order. Raises DidNotStart."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="penstock-rehearsal-")))
        text = world.table
        for number, server in enumerate(world.servers):
            stub = _stub(server, number)
            stack.push_async_callback(stub.stop)
            line = await stub.start()
            text = text.replace(server.url, f"http://127.0.0.1:{port_of(line)}")
        (folder / TABLE).write_text(text)
        proxy = _proxy(folder, processes)
        stack.push_async_callback(proxy.stop)
        line = await proxy.start()
        yield Rig(port=port_of(line, "http="), admin_port=port_of(line, "admin="))


def _stub(server: ServerPlan, number: int) -> Child:
    behaviour = Machines(slots=server.slots, service=server.service)
    words = (
        *("-m", "sim.stubs", "--listen", "127.0.0.1:0", "--seed", str(number)),
        *("--behaviour", msgspec.json.encode(behaviour).decode()),
    )
    return Child(server.url, "stub ready", list(words), _silent)


def _proxy(folder: Path, processes: int) -> Child:
    words = (
        *("-m", "proxy.cli", "serve", str(folder / TABLE), "--queue", f"sqlite:///{folder / QUEUE}"),
        *("--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--processes", str(processes)),
        *("--drain-s", str(DRAIN_S), "--log-level", "error"),
    )
    return Child("proxy", "penstock ready", list(words), _silent)


def _silent(_: str) -> None:
    """The report says what failed."""
