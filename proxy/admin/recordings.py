"""Recordings over HTTP: POST asks for one and is answered with its lines while they gather, DELETE ends it.

Watches whether they are still read. Decides nothing else: who may record what is the desk's.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from http import HTTPStatus

import msgspec
from aiohttp import web

from proxy.admin.answering import json_of
from proxy.recording.desk import Desk, NotRecorded
from proxy.recording.order import Wish

PATH = "/v1/recording"
QUIET_S_MAX = 5.0
"""An empty line is sent after so long without any, so that both ends see that the other is there."""


class Recordings:
    """The routes of recordings."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> list[web.RouteDef]:
        """Of the admin side."""
        return [web.post(PATH, self._record), web.delete(PATH, self._end)]

    async def _record(self, request: web.Request) -> web.StreamResponse:
        try:
            wish = msgspec.json.decode(await request.read() or b"{}", type=Wish)
        except msgspec.DecodeError as error:
            raise NotRecorded(HTTPStatus.BAD_REQUEST, f"no wish for a recording: {error}") from error
        lines = self._desk.begin(wish)
        response = web.StreamResponse(headers={"Content-Type": "application/jsonl"})
        try:
            with suppress(ConnectionError, TimeoutError):  # it is not read any more: nobody is left to tell
                await response.prepare(request)
                await self._send(request, response, lines)
        finally:
            self._desk.finished()
        return response

    async def _send(
        self, request: web.Request, response: web.StreamResponse, lines: AsyncGenerator[bytes, None]
    ) -> None:
        loop, stalled_s_max = asyncio.get_running_loop(), self._desk.limits.stalled_s_max
        wrote_s = loop.time()
        async with aclosing(lines) as chunks:
            async for chunk in chunks:
                if request.transport is None or request.transport.is_closing():
                    raise ConnectionResetError
                if chunk or loop.time() - wrote_s >= QUIET_S_MAX:
                    async with asyncio.timeout(stalled_s_max):
                        await response.write(chunk or b"\n")
                    wrote_s = loop.time()
        async with asyncio.timeout(stalled_s_max):
            await response.write_eof()

    async def _end(self, _: web.Request) -> web.Response:
        if not self._desk.close():
            return json_of({"error": "no recording is under way"}, HTTPStatus.NOT_FOUND)
        return json_of({"ending": True}, HTTPStatus.ACCEPTED)
