"""The Open Inference Protocol over HTTP: requests in, the pool asked, answers out.

Every error is `{"error": "..."}`. Overload is 503 with `Retry-After`, never 500: some clients retry a 500
at once and without pause.
"""

import asyncio
import importlib.metadata
import logging
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any

import msgspec
from aiohttp import web

from workers.body import BODY_BYTES_MAX, TooLarge, UnknownEncoding, unpack
from workers.entry import Entry
from workers.errors import BadInput, Expired, ModelFailed, NotReady, Overloaded, TooBig, WorkerError
from workers.oip.datatypes import BadTensor
from workers.oip.metadata import describe
from workers.oip.tensors import InferRequest, decode_request, encode_response
from workers.pool import Pool

LOOP_BYTES_MAX = 128 * 1024  # a larger body is decoded and encoded in a thread, not on the event loop
RETRY_AFTER_S = 1
HEADER_LENGTH = "Inference-Header-Content-Length"

STATUS: dict[type[Exception], int] = {
    BadTensor: 400,
    BadInput: 400,
    TooLarge: 413,
    TooBig: 413,
    UnknownEncoding: 415,
    ModelFailed: 500,
    Overloaded: 503,
    NotReady: 503,
    Expired: 503,
}
RETRIED = (Overloaded, NotReady)

LOG = logging.getLogger("workers")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Server:
    """Answers for one pool."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def application(self) -> web.Application:
        """The routes."""
        app = web.Application(middlewares=[in_words], client_max_size=BODY_BYTES_MAX)
        app.add_routes(
            [
                web.get("/v2", self._server),
                web.get("/v2/", self._server),
                web.get("/v2/health/live", self._live),
                web.get("/v2/health/ready", self._ready),
                web.post("/v2/repository/index", self._index),
            ]
        )
        for base in ("/v2/models/{model}", "/v2/models/{model}/versions/{version}"):
            app.add_routes(
                [
                    web.get(base, self._model),
                    web.get(base + "/ready", self._model_ready),
                    web.post(base + "/infer", self._infer),
                ]
            )
        return app

    async def _server(self, request: web.Request) -> web.Response:
        del request
        version = importlib.metadata.version("penstock")
        return answer({"name": "penstock worker", "version": version, "extensions": ["binary_tensor_data"]})

    async def _live(self, request: web.Request) -> web.Response:
        del request
        return web.Response()

    async def _ready(self, request: web.Request) -> web.Response:
        del request
        if not self._pool.loaded:
            raise NotReady("the models are still loading")
        for listed in self._pool.index():
            await self._assure(listed.entry)
        return web.Response()

    async def _model_ready(self, request: web.Request) -> web.Response:
        await self._assure(self._find(request))
        return web.Response()

    async def _assure(self, entry: Entry) -> None:
        """Raise NotReady unless the model is ready; one that is in doubt gets a chance to prove itself."""
        if not self._pool.ready(entry) and not await self._pool.prove(entry):
            raise NotReady(f"the model '{entry.name}' is not ready")

    async def _index(self, request: web.Request) -> web.Response:
        del request
        return answer(
            [
                {
                    "name": listed.entry.name,
                    "version": listed.entry.version,
                    "state": "READY" if listed.ready else "UNAVAILABLE",
                    "reason": listed.reason,
                }
                for listed in self._pool.index()
            ]
        )

    async def _model(self, request: web.Request) -> web.Response:
        entry = self._find(request)
        return answer(
            {
                "name": entry.name,
                "versions": self._pool.versions(entry.name),
                "platform": f"{entry.backend}_{entry.kind}",
                "inputs": describe(entry.inputs),
                "outputs": describe(entry.outputs),
            }
        )

    async def _infer(self, request: web.Request) -> web.Response:
        deadline_s = _deadline(request)
        entry = self._find(request)
        body = await request.read()
        length = _json_length(request)
        encoding = request.headers.get("Content-Encoding", "")
        raw_as = entry.inputs[0] if len(entry.inputs) == 1 else None

        def decode() -> InferRequest:
            return decode_request(unpack(body, encoding), length, raw_as=raw_as)

        heavy = len(body) > LOOP_BYTES_MAX or bool(encoding)
        decoded = await asyncio.to_thread(decode) if heavy else decode()
        outputs = await self._pool.infer(entry, decoded, deadline_s)
        heavy = sum(tensor.data.nbytes for tensor in outputs) > LOOP_BYTES_MAX
        encode = asyncio.to_thread if heavy else _at_once
        encoded, json_length = await encode(encode_response, entry.name, entry.version, outputs, decoded)
        if json_length is None:
            return web.Response(body=encoded, content_type="application/json")
        return web.Response(
            body=encoded,
            content_type="application/octet-stream",
            headers={HEADER_LENGTH: str(json_length)},
        )

    def _find(self, request: web.Request) -> Entry:
        name, version = request.match_info["model"], request.match_info.get("version", "")
        entry = self._pool.find(name, version)
        if entry is None:
            words = f" version {version}" if version else ""
            raise web.HTTPNotFound(text=f"there is no model '{name}'{words} here")
        return entry


def answer(value: Any, status: int = 200) -> web.Response:
    """A JSON answer."""
    return web.Response(status=status, body=msgspec.json.encode(value), content_type="application/json")


@web.middleware
async def in_words(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every failure into the protocol's error form, and echo the request's id."""
    try:
        response = await handler(request)
    except web.HTTPException as error:
        response = answer({"error": error.text or error.reason}, error.status)
        if "Allow" in error.headers:
            response.headers["Allow"] = error.headers["Allow"]
    except (WorkerError, BadTensor, TooLarge, UnknownEncoding) as error:
        response = answer({"error": str(error)}, STATUS[type(error)])
        if isinstance(error, RETRIED):
            response.headers["Retry-After"] = str(RETRY_AFTER_S)
        if isinstance(error, ModelFailed):
            LOG.exception("an inference failed")
    except Exception:
        LOG.exception("the server failed on %s %s", request.method, request.path)
        response = answer({"error": "the server failed; its log says how"}, 500)
    if "X-Request-Id" in request.headers:
        response.headers["X-Request-Id"] = request.headers["X-Request-Id"]
    return response


async def _at_once(function: Callable[..., Any], *args: Any) -> Any:
    return function(*args)


def _deadline(request: web.Request) -> float | None:
    """When the caller's budget ends, on the monotonic clock; the budget starts as the head arrives."""
    text = request.headers.get("Penstock-Deadline-Ms")
    if text is None:
        return None
    try:
        budget_ms = float(text)
    except ValueError as error:
        raise BadInput(f"Penstock-Deadline-Ms must be a number of milliseconds, not '{text}'") from error
    if not -1e12 < budget_ms < 1e12:
        raise BadInput(f"Penstock-Deadline-Ms is out of range: '{text}'")
    return monotonic() + budget_ms / 1000


def _json_length(request: web.Request) -> int | None:
    text = request.headers.get(HEADER_LENGTH)
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 20):
        raise BadInput(f"{HEADER_LENGTH} must be a whole number, not '{text}'")
    return int(text)
