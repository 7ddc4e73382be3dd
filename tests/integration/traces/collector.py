"""A collector of traces: an OTLP/HTTP receiver that decodes what it is sent, fails or hangs when told to."""

import asyncio
from typing import Any, Self

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span


class Collector:
    """`async with` starts and stops it. `spans` are those received, `resources` their attributes by pid."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.resources: dict[int, dict[str, Any]] = {}
        self.status = 200
        self.thinks: asyncio.Event | None = None  # answers only once it is set
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.add_routes([web.post("/v1/traces", self._receive)])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        if self.thinks is not None:
            self.thinks.set()
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        assert self._runner is not None
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    def named(self, start: str) -> list[Span]:
        return [span for span in self.spans if span.name.startswith(start)]

    async def _receive(self, request: web.Request) -> web.Response:
        sent = ExportTraceServiceRequest.FromString(await request.read())
        if self.thinks is not None:
            await self.thinks.wait()
        if self.status == 200:
            for each in sent.resource_spans:
                resource = attributes(each.resource)
                self.resources[resource["process.pid"]] = resource
                self.spans += [span for scope in each.scope_spans for span in scope.spans]
        answer = ExportTraceServiceResponse().SerializeToString()
        return web.Response(
            status=self.status, body=answer, headers={"Content-Type": "application/x-protobuf"}
        )


def attributes(of: Any) -> dict[str, Any]:
    """Of a span or a resource, as Python values."""
    return {each.key: _plain(each.value) for each in of.attributes}


def _plain(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_plain(each) for each in value.array_value.values]
    return getattr(value, kind)
