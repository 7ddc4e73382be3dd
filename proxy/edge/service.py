"""The data side's service: a whole message in, the bytes of its answer out.

Inference goes to the pipeline, tickets to the offline queue, questions about the proxy are answered
here. Never parses a body, never decides where a request goes.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

import msgspec

from proxy.edge.identity import RequestIds
from proxy.edge.intake import About, Intake, OfTicket, request_id
from proxy.edge.message import Message
from proxy.edge.reply import encode_answer, encode_reply
from proxy.edge.ticketing import cancel_answer, ticket_answer
from proxy.messages import Answer, Reply, Request
from proxy.observe.meters import Meters
from proxy.ports import Clock, Log, OfflineQueue, Rng
from proxy.problem import problem
from proxy.qos.guard import ALL_SERVED
from proxy.tickets import Ticket

Answered = Callable[[bytes, bool], None]
"""The bytes of the answer, and whether the connection goes on."""


class Serving(Protocol):
    """A request being served."""

    def cancel(self) -> None:
        """The caller left."""
        ...


class Serves(Protocol):
    """What a connection needs of the service behind it."""

    def serve(self, message: Message, answered: Answered) -> Serving | None:
        """Serve one message; `answered` is called once, perhaps before this returns, unless cancelled."""
        ...

    def count_fault(self, status: int) -> None:
        """A message was refused before it could be served."""
        ...

    @property
    def distressed(self) -> bool:
        """Whether some are turned away: then each head is to be screened."""
        ...

    def screen(self, message: Message) -> Answer | None:
        """The answer to a message that is turned away by its head alone; None: its body may come."""
        ...


class Takes(Protocol):
    """What the service needs of the pipeline."""

    turned_away_from: int

    def screen(self, request: Request) -> Reply | None:
        """The reply to a request that is turned away by its head alone."""
        ...

    def take(self, request: Request, done: Callable[[Reply], None]) -> Serving:
        """Route an inference request; `done` is called once, perhaps before this returns."""
        ...

    def ask(self, request: Request, done: Callable[[Reply], None]) -> Serving:
        """Put a question about a model to the applications."""
        ...


class Service:
    """Serves messages. `draining` makes every answer the last one on its connection."""

    def __init__(
        self,
        *,
        pipeline: Takes,
        queue: OfflineQueue,
        clock: Clock,
        rng: Rng,
        meters: Meters,
        log: Log,
        version: str,
    ) -> None:
        self._pipeline = pipeline
        self._queue = queue
        self.clock = clock
        self.now = clock.now
        self._ids = RequestIds(rng)
        self._meters = meters
        self._log = log
        self._metadata = msgspec.json.encode(
            {"name": "penstock", "version": version, "extensions": ["binary_tensor_data"]}
        )
        self._intake = Intake()
        self.draining = False

    def serve(self, message: Message, answered: Answered) -> Serving | None:
        """Serve one message; `answered` is called once, perhaps before this returns, unless cancelled."""
        turn = Turn(self, message, answered, request_id(message) or self._ids.next())
        try:
            return self._serve(turn)
        except Exception as error:  # noqa: BLE001 - a bug must answer 500, not leave a caller waiting
            self.report(error, turn.request_id)
            turn.say(problem(500, "internal error"))
            return None

    def report(self, error: Exception, request_id: str) -> None:
        """A bug showed while a request was served."""
        self._log.error("request_broke", error=repr(error), request_id=request_id)

    @property
    def distressed(self) -> bool:
        """Whether some are turned away: then each head is to be screened."""
        return self._pipeline.turned_away_from != ALL_SERVED

    def screen(self, message: Message) -> Answer | None:
        """The answer to a message that is turned away by its head alone; None: its body may come."""
        name = request_id(message) or self._ids.next()
        try:
            wish = self._intake.read_wish(message, name)
            if not isinstance(wish, Request) or wish.method != b"POST":
                return None
            reply = self._pipeline.screen(wish)
        except Exception as error:  # noqa: BLE001 - as in `serve`, which will meet it again, and answer
            self.report(error, name)
            return None
        if reply is None:
            return None
        retry_after_s = b"%d" % max(1, round(reply.retry_after_s or 0.0))
        own = ((b"Retry-After", retry_after_s), (b"X-Request-Id", name.encode()))
        return Answer(status=reply.answer.status, headers=reply.answer.headers + own, body=reply.answer.body)

    def count_fault(self, status: int) -> None:
        """A message was refused before it could be served."""
        self._meters.faults[status] += 1

    def _serve(self, turn: "Turn") -> Serving | None:
        wish = self._intake.read_wish(turn.message, turn.request_id)
        match wish:
            case Request():
                send = self._pipeline.take if wish.method == b"POST" else self._pipeline.ask
                return send(wish, turn.reply)
            case OfTicket(ticket, cancel):
                self._serve_ticket(ticket, cancel, turn)
            case About(what):
                turn.say(self._about(what))
            case Answer():
                self.count_fault(wish.status)
                turn.say(wish)
        return None

    def _serve_ticket(self, ticket: str, cancel: bool, turn: "Turn") -> None:
        future = self._queue.cancel(ticket) if cancel else self._queue.find(ticket)

        def found(future: "asyncio.Future[Ticket | None]") -> None:
            error = future.exception()
            if error is not None:
                self._log.error("ticket_lookup_failed", error=repr(error), ticket=ticket)
                turn.say(problem(503, "the offline queue cannot be read now", (b"Retry-After", b"1")))
            else:
                answer = cancel_answer if cancel else ticket_answer
                turn.say(answer(future.result(), ticket, self.clock.wall()))

        future.add_done_callback(found)

    def _about(self, what: str) -> Answer:
        json = ((b"Content-Type", b"application/json"),)
        if not what:
            return Answer(status=200, headers=json, body=self._metadata)
        if what == "ready" and self.draining:
            return problem(503, "not ready")
        return Answer(status=200, headers=json, body=b'{"%b": true}' % what.encode())


class Turn:
    """One message and the way back to its caller."""

    __slots__ = ("_answered", "_service", "message", "request_id")

    def __init__(self, service: Service, message: Message, answered: Answered, request_id: str) -> None:
        self._service = service
        self._answered = answered
        self.message = message
        self.request_id = request_id

    def reply(self, reply: Reply) -> None:
        """Answer with what the pipeline came to."""
        message = self.message
        keep_alive = message.keep_alive and not self._service.draining
        total_s = self._service.now() - message.arrived_s
        head_only = message.method == b"HEAD"
        try:
            data = encode_reply(reply, self.request_id, total_s, keep_alive=keep_alive, head_only=head_only)
        except Exception as error:  # noqa: BLE001 - as in `serve`
            self._service.report(error, self.request_id)
            self.say(problem(500, "internal error"))
        else:
            self._answered(data, keep_alive)

    def say(self, answer: Answer) -> None:
        """Answer without the pipeline."""
        keep_alive = self.message.keep_alive and not self._service.draining
        fields = b"X-Request-Id: %b\r\n" % self.request_id.encode()
        head_only = self.message.method == b"HEAD"
        self._answered(encode_answer(answer, fields, keep_alive=keep_alive, head_only=head_only), keep_alive)
