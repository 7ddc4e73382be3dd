"""Sends the story's requests; prints for each: labels, rows tried, who answered, verdict, milliseconds."""

import asyncio
import time
from collections import Counter
from typing import Literal

import httpx
import msgspec
from rich.console import Console
from rich.table import Table as Grid

from sim.story.payloads import Payload, verdict

ANSWER_S_MAX = 60.0
TICKET_S_MAX = 120.0

AT_ONCE_MAX = 4
"""Requests of the split on their way at a time: no application's limit is to be met here."""

_WIDTHS = {"payload": 54, "model": 16, "labels": 14, "tried": 34, "by": 2, "verdict": 34, "ms": 6}


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """One request and what came of it."""

    payload: Payload
    status: int
    application: str
    attempts: str
    labels: str
    ticket: str
    body: bytes
    elapsed_ms: float


class Teller:
    """Sends, and prints as it goes."""

    def __init__(self, url: str, console: Console) -> None:
        self._client = httpx.AsyncClient(base_url=url, timeout=ANSWER_S_MAX)
        self._console = console

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    def headline(self, text: str) -> None:
        """What comes next."""
        self._console.print(f"\n[bold]{text}[/bold]")

    async def tell(self, payloads: list[Payload]) -> list[Answered]:
        """Send one after the other; print a line for each."""
        answered = []
        grid = _grid()
        for payload in payloads:
            each = await self.send(payload)
            answered.append(each)
            grid.add_row(*_cells(each))
        self._console.print(grid)
        return answered

    async def send(self, payload: Payload) -> Answered:
        """Send one request."""
        began_s = time.perf_counter()
        path = f"/v2/models/{payload.model}/infer"
        response = await self._client.post(path, content=payload.body, headers=payload.headers)
        return Answered(
            payload=payload,
            status=response.status_code,
            application=response.headers.get("Penstock-Application", ""),
            attempts=response.headers.get("Penstock-Attempts", ""),
            labels=response.headers.get("Penstock-Labels", ""),
            ticket=response.headers.get("Location", ""),
            body=response.content,
            elapsed_ms=(time.perf_counter() - began_s) * 1000,
        )

    async def split(self, payload: Payload, count: int) -> Counter[str]:
        """Who answers, of many requests; printed with the shares that the weights promise."""
        gate = asyncio.Semaphore(AT_ONCE_MAX)

        async def one() -> Answered:
            async with gate:
                return await self.send(payload)

        with self._console.status(f"{count} requests on their way"):
            answered = await asyncio.gather(*(one() for _ in range(count)))
        by = Counter(each.application or "nobody" for each in answered)
        for application, share in (("1", 1 / 6), ("4", 5 / 6)):
            got = f"{by[application]} of {count} ({by[application] / count:.1%}, the weights say {share:.1%})"
            self._console.print(f"  application {application}: {got}")
        others = {name: number for name, number in by.items() if name not in ("1", "4")}
        if others:
            self._console.print(f"  others, after a fall-through: {others}")
        return by

    async def redeem(self, answered: list[Answered]) -> int:
        """Wait for the tickets' results and print them; how many came."""
        grid = _grid()
        redeemed = 0
        with self._console.status("waiting for the tickets' results"):
            for each in answered:
                result = await self._result(each)
                redeemed += result.status == 200
                grid.add_row(*_cells(result))
        self._console.print(grid)
        return redeemed

    async def _result(self, ticketed: Answered) -> Answered:
        began_s = time.perf_counter()
        response = await self._client.get(ticketed.ticket)
        while response.status_code == 202 and time.perf_counter() - began_s < TICKET_S_MAX:
            await asyncio.sleep(0.2)
            response = await self._client.get(ticketed.ticket)
        return Answered(
            payload=ticketed.payload,
            status=response.status_code,
            application="",
            attempts=ticketed.ticket.rpartition("/")[2],
            labels=ticketed.labels,
            ticket="",
            body=response.content,
            elapsed_ms=(time.perf_counter() - began_s) * 1000,
        )


def _grid() -> Grid:
    grid = Grid(box=None, pad_edge=False, header_style="dim")
    for heading, width in _WIDTHS.items():
        justify: Literal["right", "left"] = "right" if heading == "ms" else "left"
        grid.add_column(heading, max_width=width, justify=justify, no_wrap=True, overflow="ellipsis")
    return grid


def _cells(each: Answered) -> tuple[str, ...]:
    tried = ", ".join(_tried(part) for part in each.attempts.split(", ")) if each.attempts else "none"
    ends = {200: "", 202: f"ticket {each.ticket.rpartition('/')[2]}"}
    said = verdict(each.payload.model, each.body) if each.status == 200 else ends.get(each.status)
    return (
        *(each.payload.what, each.payload.model, each.labels, tried, each.application or "-"),
        *(said or f"{each.status} {each.body[:80].decode(errors='replace')}", f"{each.elapsed_ms:.0f}"),
    )


def _tried(part: str) -> str:
    """`4;tier=0;outcome=timeout;ms=100.2` as `4 timeout`."""
    pieces = part.split(";")
    return f"{pieces[0]} {pieces[2].removeprefix('outcome=')}" if len(pieces) > 2 else part
