"""Serves messages: inferences in call-backs, probes and the repository's control in tasks that it owns."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any

import msgspec

from workers.errors import BadInput
from workers.front.connection import Connection
from workers.front.descriptions import config_of, listed_of, metadata_of, server_of, statistics_of
from workers.front.inference import Inference, reply_to
from workers.front.limits import FrontLimits
from workers.front.message import Message
from workers.front.models import Unknown, assure, assure_all, find
from workers.front.override import override_of
from workers.front.regions import RegionAnswers
from workers.front.reply import Reply, answer, refusal
from workers.front.routes import Route, Routes
from workers.pool import Pool
from workers.regions.placing import Placing
from workers.regions.regions import Regions


class Service:
    """Answers for one pool. It is the connections' House."""

    def __init__(
        self, pool: Pool, regions: Regions, limits: FrontLimits, name: str, loop: asyncio.AbstractEventLoop
    ) -> None:
        self.limits = limits
        self.connections: set[Connection] = set()
        self.held_bytes = 0
        self.date = b""
        self.draining = False
        self.now: Callable[[], float] = monotonic
        self._pool = pool
        self._placing = Placing(pool, regions)
        self._memory = regions.offered
        self._name = name
        self._loop = loop
        self._routes = Routes()
        self._tasks: set[asyncio.Task[None]] = set()
        self._answers: dict[str, Callable[[Route, bytes], Reply | Awaitable[Reply]]] = {
            "server": self._server,
            "live": self._live,
            "all_ready": self._all_ready,
            "all_stats": self._all_stats,
            "index": self._index,
            "model": self._model,
            "ready": self._ready,
            "config": self._config,
            "stats": self._stats,
            "load": self._load,
            "unload": self._unload,
            **RegionAnswers(regions).by_route(),
        }

    def serve(self, message: Message, connection: Connection) -> "Inference | asyncio.Task[None] | None":
        """See `connection.House`."""
        route = self._routes.find(message.target, message.method)
        if isinstance(route, Reply):
            connection.answer(route)
            return None
        try:
            if route.what == "infer":
                entry = find(self._pool, route.model, route.version)
                inference = Inference(self._loop, self._placing, self.limits, message, connection.answer)
                inference.begin(entry)
                return inference
            reply = self._answers[route.what](route, message.take_body())
        except Unknown as error:
            reply = refusal(404, str(error))
        except Exception as error:  # noqa: BLE001 - whatever it was, the caller is answered
            reply = reply_to(error)
        if isinstance(reply, Reply):
            connection.answer(reply)
            return None
        task = self._loop.create_task(_later(reply, connection.answer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def close(self) -> None:
        """End what probes and controls still run."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # -- answers; each is given its route and the body ----------------------------------------------

    def _server(self, route: Route, body: bytes) -> Reply:
        del route, body
        return answer(server_of(self._name, memory=self._memory))

    def _live(self, route: Route, body: bytes) -> Reply:
        del route, body
        return Reply()

    async def _all_ready(self, route: Route, body: bytes) -> Reply:
        del route, body
        await assure_all(self._pool)
        return Reply()

    async def _ready(self, route: Route, body: bytes) -> Reply:
        del body
        await assure(self._pool, find(self._pool, route.model, route.version))
        return Reply()

    def _index(self, route: Route, body: bytes) -> Reply:
        del route
        ready_only = bool(_options(body).get("ready"))
        rows = [listed for listed in self._pool.index() if listed.ready or not ready_only]
        return answer([listed_of(listed) for listed in rows])

    def _model(self, route: Route, body: bytes) -> Reply:
        del body
        entry = find(self._pool, route.model, route.version)
        return answer(metadata_of(entry, self._pool.versions(entry.name)))

    def _config(self, route: Route, body: bytes) -> Reply:
        del body
        return answer(config_of(find(self._pool, route.model, route.version)))

    def _stats(self, route: Route, body: bytes) -> Reply:
        del body
        entry = find(self._pool, route.model, route.version)
        return answer({"model_stats": [statistics_of(entry, self._pool.statistics(entry))]})

    def _all_stats(self, route: Route, body: bytes) -> Reply:
        del route, body
        entries = [listed.entry for listed in self._pool.index()]
        rows = [statistics_of(entry, self._pool.statistics(entry)) for entry in entries]
        return answer({"model_stats": rows})

    async def _load(self, route: Route, body: bytes) -> Reply:
        parameters = _options(body).get("parameters") or {}
        await self._pool.load_model(route.model, override_of(parameters, route.model))
        return Reply()

    async def _unload(self, route: Route, body: bytes) -> Reply:
        del body
        await self._pool.unload_model(route.model)
        return Reply()


async def _later(reply: Awaitable[Reply], then: Callable[[Reply], None]) -> None:
    try:
        made = await reply
    except Unknown as error:
        made = refusal(404, str(error))
    except Exception as error:  # noqa: BLE001 - whatever it was, the caller is answered
        made = reply_to(error)
    then(made)


def _options(body: bytes) -> dict[str, Any]:
    if not body.strip():
        return {}
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise BadInput(f"the request is not valid: {error}") from error
