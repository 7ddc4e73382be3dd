"""One inference over HTTP: from a message to its answer in call-backs, without a task.

It decides where the JSON is coded (a long one in a thread), and never what the models answer.
"""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from workers.body import TooLarge, UnknownEncoding, unpack
from workers.entry import Entry
from workers.errors import BadInput, ModelFailed, WorkerError
from workers.front.deadline import deadline_of, earliest, rank_of
from workers.front.limits import FrontLimits
from workers.front.message import Message
from workers.front.reply import BINARY, Reply, coding_for, compress, refusal, refusal_of
from workers.oip.datatypes import BadTensor
from workers.oip.tensors import InferRequest, Tensor, decode_request, encode_response
from workers.pool import Infers
from workers.ports import Tensors

TOLD = (WorkerError, BadTensor, TooLarge, UnknownEncoding)
"""Errors whose words are for the caller."""

LOG = logging.getLogger("workers")


class Inference:
    """Call `begin` once; `answer` is called once, or never after `cancel`."""

    __slots__ = (
        "_answer",
        "_deadline_s",
        "_entry",
        "_limits",
        "_loop",
        "_message",
        "_pool",
        "_request",
        "_waits",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        pool: Infers,
        limits: FrontLimits,
        message: Message,
        answer: Callable[[Reply], None],
    ) -> None:
        self._loop = loop
        self._pool = pool
        self._limits = limits
        self._message = message
        self._answer: Callable[[Reply], None] | None = answer
        self._waits: asyncio.Future[Any] | None = None  # for what is being waited
        self._deadline_s: float | None = None

    def begin(self, entry: Entry) -> None:
        """Decode and ask the pool."""
        self._entry = entry
        fields = self._message.fields
        try:
            self._deadline_s = deadline_of(fields, self._message.arrived_s)
            json_length = json_length_of(fields)
            coding = fields.get(b"content-encoding", b"").decode("latin-1")
            body = self._message.take_body()
            decode = partial(_decode, body, coding, json_length, entry, self._limits.body_bytes_max)
            json_bytes = len(body) if json_length is None else json_length
            if coding or json_bytes > self._limits.loop_bytes_max:
                self._wait(self._loop.run_in_executor(None, decode), self._decoded)
            else:
                self._ask(decode())
        except Exception as error:  # noqa: BLE001 - whatever it was, the caller is answered
            self._fail(error)

    def cancel(self) -> None:
        """The caller has left."""
        self._answer = None
        if self._waits is not None:
            self._waits.cancel()

    def _decoded(self, future: "asyncio.Future[InferRequest]") -> None:
        try:
            self._ask(future.result())
        except Exception as error:  # noqa: BLE001 - whatever it was, the caller is answered
            self._fail(error)

    def _ask(self, request: InferRequest) -> None:
        self._request = request
        rank = rank_of(self._message.fields)
        deadline_s = earliest(self._deadline_s, request.parameters, self._message.arrived_s)
        future = self._pool.infer(self._entry, request, deadline_s, rank)
        self._wait(future, self._inferred)

    def _inferred(self, future: "asyncio.Future[Tensors]") -> None:
        try:
            outputs = future.result()
            limits = self._limits
            bytes_max = limits.compressed_loop_bytes_max if self._accepted else limits.loop_bytes_max
            heavy = sum(map(bytes_of, outputs)) > bytes_max
            encode = partial(_encode, self._entry, outputs, self._request, self._accepted, self._limits)
            if heavy:
                self._wait(self._loop.run_in_executor(None, encode), self._encoded)
            else:
                self._end(encode())
        except Exception as error:  # noqa: BLE001 - whatever it was, the caller is answered
            self._fail(error)

    def _encoded(self, future: "asyncio.Future[Reply]") -> None:
        try:
            self._end(future.result())
        except Exception as error:  # noqa: BLE001 - whatever it was, the caller is answered
            self._fail(error)

    def _wait(self, future: "asyncio.Future[Any]", then: "Callable[[asyncio.Future[Any]], None]") -> None:
        self._waits = future
        future.add_done_callback(partial(self._then, then))

    def _then(self, then: "Callable[[asyncio.Future[Any]], None]", future: "asyncio.Future[Any]") -> None:
        if self._answer is None:  # the caller has left
            if not future.cancelled():
                future.exception()  # looked at, so that nothing is logged
            return
        if future.cancelled():
            self._fail(ModelFailed("the inference was dropped"))
            return
        then(future)

    def _end(self, reply: Reply) -> None:
        answer, self._answer = self._answer, None
        if answer is not None:
            answer(reply)

    def _fail(self, error: Exception) -> None:
        self._end(reply_to(error))

    @property
    def _accepted(self) -> bytes:
        return self._message.fields.get(b"accept-encoding", b"")


def bytes_of(tensor: Tensor) -> int:
    """How much there is to encode."""
    if tensor.datatype == "BYTES":
        return sum(map(len, tensor.data.ravel().tolist()))
    return int(tensor.data.nbytes)


def reply_to(error: Exception) -> Reply:
    """The answer to whatever was raised; what no caller should see is logged."""
    if isinstance(error, TOLD):
        if isinstance(error, ModelFailed):
            LOG.error("an inference failed", exc_info=error)
        return refusal_of(error)
    LOG.error("the server failed", exc_info=error)
    return refusal(500, "the server failed; its log says how")


def json_length_of(fields: dict[bytes, bytes]) -> int | None:
    """Bytes of JSON at the body's beginning; None = all of it."""
    text = fields.get(b"inference-header-content-length")
    if text is None:
        return None
    if not text.isdigit() or len(text) >= 20:
        words = text.decode("latin-1")
        raise BadInput(f"Inference-Header-Content-Length must be a whole number, not '{words}'")
    return int(text)


def _decode(body: bytes, coding: str, json_length: int | None, entry: Entry, bytes_max: int) -> InferRequest:
    raw_as = entry.inputs[0] if len(entry.inputs) == 1 else None
    return decode_request(unpack(body, coding, bytes_max), json_length, raw_as=raw_as)


def _encode(
    entry: Entry, outputs: Tensors, request: InferRequest, accepted: bytes, limits: FrontLimits
) -> Reply:
    body, json_length = encode_response(entry.name, entry.version, outputs, request)
    if json_length is None:
        reply = Reply(body=body)
    else:
        length = b"Inference-Header-Content-Length: %d\r\n" % json_length
        reply = Reply(body=body, kind=BINARY, fields=length)
    coding = coding_for(accepted, reply, limits.compressed_bytes_min)
    return compress(reply, coding) if coding else reply
