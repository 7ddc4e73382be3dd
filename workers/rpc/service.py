"""The service `inference.GRPCInferenceService`: each call answered from the pool.

Calls run in tasks, which gRPC's own library makes; a caller that leaves has its task, and so its inference,
cancelled.
"""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from time import monotonic
from typing import Any

import grpc

from oip import grpc_service_pb2 as pb
from oip import model_config_pb2 as configs
from workers.errors import ModelFailed, NotReady
from workers.front import descriptions
from workers.front.deadline import earliest
from workers.front.models import Unknown, assure, assure_all, find
from workers.front.override import override_of
from workers.pool import Pool
from workers.regions.placing import Placing
from workers.regions.regions import Regions
from workers.rpc.codec import decode_request, encode_response
from workers.rpc.failures import CODES, code_of
from workers.rpc.regions import RegionCalls
from workers.rpc.stream import Stream

NAME = "inference.GRPCInferenceService"
DEADLINE_S_MAX = 1e6  # gRPC's "no deadline" is a time centuries away

LOG = logging.getLogger("workers")

Call = Callable[[Any, Any], Awaitable[Any]]


class Rpc:
    """Answers for one pool. A method's argument is its request message."""

    def __init__(self, pool: Pool, regions: Regions, name: str) -> None:
        self._pool = pool
        self._placing = Placing(pool, regions)
        self._regions = regions
        self._name = name

    def handler(self) -> grpc.GenericRpcHandler:
        """What a server is given."""
        plain: dict[str, tuple[Callable[..., Awaitable[Any]], Any]] = {
            "ServerLive": (self._live, pb.ServerLiveRequest),
            "ServerReady": (self._ready, pb.ServerReadyRequest),
            "ModelReady": (self._model_ready, pb.ModelReadyRequest),
            "ServerMetadata": (self._server, pb.ServerMetadataRequest),
            "ModelMetadata": (self._model, pb.ModelMetadataRequest),
            "ModelConfig": (self._config, pb.ModelConfigRequest),
            "ModelStatistics": (self._statistics, pb.ModelStatisticsRequest),
            "RepositoryIndex": (self._index, pb.RepositoryIndexRequest),
            "RepositoryModelLoad": (self._load, pb.RepositoryModelLoadRequest),
            "RepositoryModelUnload": (self._unload, pb.RepositoryModelUnloadRequest),
            "ModelInfer": (self._infer, pb.ModelInferRequest),
            **RegionCalls(self._regions).by_name(),
        }
        methods = {
            name: grpc.unary_unary_rpc_method_handler(_told(call), request.FromString, _bytes_of)
            for name, (call, request) in plain.items()
        }
        methods["ModelStreamInfer"] = grpc.stream_stream_rpc_method_handler(
            self._stream, pb.ModelInferRequest.FromString, _bytes_of
        )
        return grpc.method_handlers_generic_handler(NAME, methods)

    async def _live(self, request: Any, context: Any) -> Any:
        del request, context
        return pb.ServerLiveResponse(live=True)

    async def _ready(self, request: Any, context: Any) -> Any:
        del request, context
        try:
            await assure_all(self._pool)
        except NotReady:
            return pb.ServerReadyResponse(ready=False)
        return pb.ServerReadyResponse(ready=True)

    async def _model_ready(self, request: Any, context: Any) -> Any:
        del context
        try:
            await assure(self._pool, find(self._pool, request.name, request.version))
        except (NotReady, Unknown):
            return pb.ModelReadyResponse(ready=False)
        return pb.ModelReadyResponse(ready=True)

    async def _server(self, request: Any, context: Any) -> Any:
        del request, context
        return pb.ServerMetadataResponse(**descriptions.server_of(self._name, memory=self._regions.offered))

    async def _model(self, request: Any, context: Any) -> Any:
        del context
        entry = find(self._pool, request.name, request.version)
        return pb.ModelMetadataResponse(**descriptions.metadata_of(entry, self._pool.versions(entry.name)))

    async def _config(self, request: Any, context: Any) -> Any:
        del context
        entry = find(self._pool, request.name, request.version)
        return pb.ModelConfigResponse(config=configs.ModelConfig(**descriptions.config_of(entry)))

    async def _statistics(self, request: Any, context: Any) -> Any:
        del context
        if request.name:
            entries = [find(self._pool, request.name, request.version)]
        else:
            entries = [listed.entry for listed in self._pool.index()]
        rows = [descriptions.statistics_of(entry, self._pool.statistics(entry)) for entry in entries]
        for row in rows:
            row.pop("shared", None)  # over HTTP only: the message has no field for it
        return pb.ModelStatisticsResponse(model_stats=rows)

    async def _index(self, request: Any, context: Any) -> Any:
        del context
        rows = [each for each in self._pool.index() if each.ready or not request.ready]
        return pb.RepositoryIndexResponse(models=[descriptions.listed_of(each) for each in rows])

    async def _load(self, request: Any, context: Any) -> Any:
        del context
        parameters = {
            key: getattr(each, each.WhichOneof("parameter_choice") or "string_param")
            for key, each in request.parameters.items()
        }
        await self._pool.load_model(request.model_name, override_of(parameters, request.model_name))
        return pb.RepositoryModelLoadResponse()

    async def _unload(self, request: Any, context: Any) -> Any:
        del context
        await self._pool.unload_model(request.model_name)
        return pb.RepositoryModelUnloadResponse()

    async def _infer(self, message: Any, context: Any) -> Any:
        entry = find(self._pool, message.model_name, message.model_version)
        request = decode_request(message)
        deadline_s = earliest(deadline_of(context), request.parameters, monotonic())
        outputs = await self._placing.infer(entry, request, deadline_s, rank_of(context))
        return encode_response(entry.name, entry.version, outputs, request)

    async def _stream(self, messages: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        async def one(message: Any) -> Any:
            try:
                response = await self._infer(message, context)
            except tuple(CODES) as error:
                return pb.ModelStreamInferResponse(error_message=str(error))
            response.parameters["triton_final_response"].bool_param = True
            return pb.ModelStreamInferResponse(infer_response=response)

        async with Stream(messages, one) as answers:
            async for answer in answers:
                yield answer


def deadline_of(context: Any) -> float | None:
    """When the call's time is over, on the monotonic clock."""
    left_s: float | None = context.time_remaining()
    return None if left_s is None or left_s > DEADLINE_S_MAX else monotonic() + left_s


def rank_of(context: Any) -> int:
    """How critical the call is, by its metadata; 0 is the most."""
    text = dict(context.invocation_metadata() or ()).get("penstock-rank", "0")
    return int(text) if isinstance(text, str) and text.isdecimal() and len(text) < 7 else 0


def _told(call: Callable[..., Awaitable[Any]]) -> Call:
    """The call, its failures as statuses with words."""

    async def answered(request: Any, context: Any) -> Any:
        try:
            return await call(request, context)
        except tuple(CODES) as error:
            if isinstance(error, ModelFailed):
                LOG.exception("an inference failed")
            await context.abort(code_of(error), str(error))

    return answered


def _bytes_of(message: Any) -> bytes:
    made: bytes = message.SerializeToString()
    return made
