"""Makes a plan's faults happen, each at its time: a command without a shell, or an HTTP request."""

import asyncio
import shlex
import time
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from contextlib import suppress
from pathlib import Path

import httpx
import msgspec

from sim.replay.plan import Fault

FAULT_S_MAX = 30.0
SAID_MAX = 200


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a fault: when it began and how long it took, and what was said."""

    name: str
    what: str
    planned_s: float
    began_s: float
    took_s: float
    well: bool
    said: str


async def make_faults(faults: tuple[Fault, ...], began_s: float, base: Path, done: list[Done]) -> None:
    """All of them, from `began_s` of `time.monotonic` on; `done` has what happened, also when cancelled."""
    async with (
        httpx.AsyncClient(timeout=FAULT_S_MAX, trust_env=False) as client,
        asyncio.TaskGroup() as group,
    ):
        for fault in faults:
            group.create_task(_make(fault, began_s, base, client, done))


async def _make(
    fault: Fault, began_s: float, base: Path, client: httpx.AsyncClient, done: list[Done]
) -> None:
    await asyncio.sleep(max(0.0, began_s + fault.at_s - time.monotonic()))
    at_s = time.monotonic() - began_s
    well, said = await (_command(fault, base) if fault.command else _request(fault, base, client))
    what = shlex.join(fault.command) if fault.command else f"{fault.method} {fault.url}"
    took_s = time.monotonic() - began_s - at_s
    done.append(
        Done(
            name=fault.name,
            what=what,
            planned_s=fault.at_s,
            began_s=at_s,
            took_s=took_s,
            well=well,
            said=said,
        )
    )


async def _command(fault: Fault, base: Path) -> tuple[bool, str]:
    try:
        process = await asyncio.create_subprocess_exec(
            *fault.command, cwd=base, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT
        )
    except OSError as error:
        return False, f"{fault.command[0]}: {error.strerror or error}"
    try:
        said, _ = await asyncio.wait_for(process.communicate(), FAULT_S_MAX)
    except TimeoutError:
        return False, f"no end within {FAULT_S_MAX:g} s"
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    last = said.decode(errors="replace").strip().split("\n")[-1][:SAID_MAX]
    return process.returncode == 0, f"exit {process.returncode}{': ' if last else ''}{last}"


async def _request(fault: Fault, base: Path, client: httpx.AsyncClient) -> tuple[bool, str]:
    try:
        body = (base / fault.file).read_bytes() if fault.file else fault.body.encode()
        answer = await client.request(fault.method, fault.url, content=body, headers=dict(fault.headers))
    except (OSError, httpx.HTTPError) as error:
        return False, str(error) or type(error).__name__
    return answer.status_code < 300, f"{answer.status_code} {answer.text[:SAID_MAX]}".strip()
