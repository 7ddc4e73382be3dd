"""Tickets asked for and promised: each 202 is kept, and in the end looked for until its answer is there.

Decides nothing of the proxy's; a request whose connection ends before its answer was promised nothing.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress

import aiohttp
import msgspec

ASK_S_MAX = 10.0
LOOK_S = 0.2
KEPT_S_MAX = 60.0
"""Until all promised tickets must have ended, from the moment when they are looked for."""

AT_ONCE = 16
"""Tickets looked for at once."""


class Promises:
    """`ask`, then `keep`. The ids of requests go through the model server and come back in its answers."""

    def __init__(self, url: str, model: str, label: str) -> None:
        self._url = url
        self._model = model
        self._label = label
        self._asked = 0
        self._tickets: dict[str, str] = {}  # ticket → the id in its request
        self.cut = 0  # connections that ended before the answer
        self.refused = 0
        self.wrong = 0  # tickets that ended otherwise than with the answer to their own request
        self.lost = 0  # promised tickets that have not ended in time

    @property
    def promised(self) -> int:
        """Tickets acknowledged by 202."""
        return len(self._tickets)

    async def ask(self, body_bytes: int) -> None:
        """One ticket more, over a connection of its own, so that any process may be met."""
        self._asked += 1
        name, padding = f"promise-{self._asked}", "x" * body_bytes
        request = {"id": name, "parameters": {"label": self._label}, "inputs": [], "padding": padding}
        try:
            async with self._session() as session, self._post(session, request) as answer:
                told = msgspec.json.decode(await answer.read())
                status = answer.status
        except (aiohttp.ClientError, OSError):
            self.cut += 1
            return
        if status == 202:
            assert told["ticket"] not in self._tickets, "one ticket for two requests"
            self._tickets[told["ticket"]] = name
        else:
            self.refused += 1

    async def keep(self) -> None:
        """Look for every promised ticket until it has its answer, or time is over."""
        doors = asyncio.Semaphore(AT_ONCE)
        async with self._session() as session:
            ends_s = asyncio.get_running_loop().time() + KEPT_S_MAX
            looks = (self._look(session, doors, *each, ends_s) for each in self._tickets.items())
            await asyncio.gather(*looks)

    async def _look(
        self, session: aiohttp.ClientSession, doors: asyncio.Semaphore, ticket: str, name: str, ends_s: float
    ) -> None:
        while asyncio.get_running_loop().time() < ends_s:
            with suppress(aiohttp.ClientError, OSError):  # its process may just have been killed
                async with doors, session.get(f"{self._url}/v1/tickets/{ticket}") as answer:
                    body = await answer.read()
                if answer.status != 202:
                    right = answer.status == 200 and msgspec.json.decode(body)["id"] == name
                    self.wrong += not right
                    return
            await asyncio.sleep(LOOK_S)
        self.lost += 1

    def _session(self) -> aiohttp.ClientSession:
        timeout = aiohttp.ClientTimeout(total=ASK_S_MAX)
        return aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True), timeout=timeout)

    def _post(
        self, session: aiohttp.ClientSession, request: Mapping[str, object]
    ) -> "aiohttp.client._RequestContextManager":
        return session.post(
            f"{self._url}/v2/models/{self._model}/infer",
            data=msgspec.json.encode(request),
            headers={"Prefer": "respond-async", "Content-Type": "application/json"},
        )
