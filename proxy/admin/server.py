"""The admin side over HTTP, on a port of its own: probes, metrics, the table, applications, the queue.

On aiohttp: nothing here is on the data path. Listens on loopback by default; it has no login.
"""

import asyncio
import ipaddress
from collections.abc import Callable
from typing import Any

import msgspec
from aiohttp import web

from labelers.errors import BadYield
from labelers.labels import labels_of
from proxy.admin.foreign import is_foreign
from proxy.admin.operations import Operations
from proxy.errors import AddressInUse
from proxy.ports import Log
from proxy.reload import Reload

_TEXT = "text/plain; version=0.0.4; charset=utf-8"
BODY_BYTES_MAX = 16 * 1024 * 1024


class AdminServer:
    """`start`, then `stop`."""

    def __init__(self, operations: Operations, log: Log) -> None:
        self._operations = operations
        self._log = log
        self._runner: web.AppRunner | None = None
        self._on_loopback = False

    async def start(self, host: str, port: int) -> tuple[str, int]:
        """Listen; the address really bound. Raises AddressInUse."""
        app = web.Application(
            client_max_size=BODY_BYTES_MAX, middlewares=[self._errors_as_json, self._own_pages_only]
        )
        app.add_routes(self._routes())
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, host, port).start()
        except OSError as error:
            await self._runner.cleanup()
            raise AddressInUse.of(host, port, error) from error
        bound: tuple[str, int] = self._runner.addresses[0][:2]
        self._on_loopback = ipaddress.ip_address(bound[0]).is_loopback
        return bound

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    def _routes(self) -> list[web.RouteDef]:
        return [
            web.get("/livez", self._live),
            web.get("/readyz", self._ready),
            web.get("/metrics", self._metrics),
            web.get("/v1/table", self._table),
            web.post("/v1/table/validate", self._validate),
            web.post("/v1/table/reload", self._reload),
            web.post("/v1/explain", self._explain),
            web.get("/v1/applications", self._applications),
            web.post("/v1/applications/{id}/drain", self._drain),
            web.post("/v1/applications/{id}/undrain", self._undrain),
            web.get("/v1/queue", self._queue),
        ]

    @web.middleware
    async def _errors_as_json(
        self, request: web.Request, handler: Callable[[web.Request], Any]
    ) -> web.StreamResponse:
        try:
            response: web.StreamResponse = await handler(request)
        except web.HTTPException as error:
            text = f"{error.status} {error.reason}: {request.path}{_hint(request, error)}"
            return _json({"error": text}, error.status)
        except Exception as error:  # noqa: BLE001 - a bug must be logged, and answered in the one form
            self._log.error("admin_request_broke", error=repr(error), path=request.path)
            return _json({"error": "internal error"}, 500)
        return response

    @web.middleware
    async def _own_pages_only(
        self, request: web.Request, handler: Callable[[web.Request], Any]
    ) -> web.StreamResponse:
        fields = request.headers
        if is_foreign(
            host=request.host,
            origin=fields.get("Origin"),
            fetch_site=fields.get("Sec-Fetch-Site"),
            on_loopback=self._on_loopback,
        ):
            return _json({"error": "a page of another site may not ask this of a browser"}, 403)
        response: web.StreamResponse = await handler(request)
        return response

    async def _live(self, _: web.Request) -> web.Response:
        return _json({"live": True})

    async def _ready(self, _: web.Request) -> web.Response:
        state = self._operations.readiness()
        return _json(state, 200 if state["ready"] else 503)

    async def _metrics(self, _: web.Request) -> web.Response:
        page = await self._operations.metrics()
        return web.Response(body=page, headers={"Content-Type": _TEXT})

    async def _table(self, _: web.Request) -> web.Response:
        text, digest, generation = self._operations.table()
        headers = {
            "ETag": f'"{digest}"',
            "Penstock-Table": str(generation),
            "Content-Type": "application/yaml",
        }
        return web.Response(body=text, headers=headers)

    async def _validate(self, request: web.Request) -> web.Response:
        data = await request.read()
        problems = await asyncio.to_thread(self._operations.validate, data)
        return _json({"valid": not problems, "problems": problems}, 422 if problems else 200)

    async def _reload(self, _: web.Request) -> web.Response:
        state = await self._operations.reload()
        return _json(state, 200 if state["reload"] == Reload.ACCEPTED.value else 422)

    async def _explain(self, request: web.Request) -> web.Response:
        try:
            wanted = msgspec.json.decode(await request.read())
            labels = labels_of(wanted["labels"])
        except BadYield as error:
            return _json({"error": f"labels: {error}"}, 400)
        except (msgspec.DecodeError, KeyError, TypeError):
            return _json({"error": 'send {"labels": [1125]}'}, 400)
        return _json(await self._operations.explain(labels))

    async def _applications(self, _: web.Request) -> web.Response:
        return _json({"applications": await self._operations.applications()})

    async def _drain(self, request: web.Request) -> web.Response:
        return await self._set_drained(request.match_info["id"], drained=True)

    async def _undrain(self, request: web.Request) -> web.Response:
        return await self._set_drained(request.match_info["id"], drained=False)

    async def _set_drained(self, application: str, *, drained: bool) -> web.Response:
        if not await self._operations.set_drained(application, drained=drained):
            return _json({"error": f"no application {application}"}, 404)
        return _json({"application": application, "drained": drained})

    async def _queue(self, _: web.Request) -> web.Response:
        stats = await self._operations.queue_stats()
        return _json({"error": "the offline queue cannot say now"}, 503) if stats is None else _json(stats)


def _json(value: Any, status: int = 200) -> web.Response:
    body = msgspec.json.encode(value)
    return web.Response(body=body, status=status, headers={"Content-Type": "application/json"})


def _hint(request: web.Request, error: web.HTTPException) -> str:
    if isinstance(error, web.HTTPMethodNotAllowed):
        return f"; use {' or '.join(sorted(error.allowed_methods - {'HEAD'}))}"
    if isinstance(error, web.HTTPNotFound):
        paths = {resource.canonical for resource in request.app.router.resources()}
        return f"; there are {', '.join(sorted(paths))}"
    return ""
