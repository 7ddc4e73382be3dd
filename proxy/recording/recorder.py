"""The recorder of one process: from a request and its reply to a line, in bounded memory.

Made once a request has ended and its caller has its answer. Never waits and never fails a request: what
finds no room, or cannot be written, is dropped and counted. What it costs: `python -m sim.bench.recording`.
"""

from collections import Counter
from collections.abc import Callable, Sequence

import msgspec

from proxy.messages import Attempt, Fallback, Label, Reply, Request, Verdict
from proxy.recording.order import BodyOrder, Order, Sum
from proxy.recording.redaction import Kept, kept
from proxy.recording.rows import AttemptRow, Row

MEMORY, UNWRITABLE, GATHERED = "memory", "unwritable", "gathered"
"""Why a request was dropped: lines waited in its process; no line could be made of it; lines waited for the
one who records."""

LABELS_MAX = 64
ATTEMPTS_MAX = 64
NAME_CHARS_MAX = 256
PLACES_HELD_MAX = 4_096

_NOTHING_KEPT = Kept()
_PARKED = Verdict.PARKED  # looked up on its class, a member costs half a microsecond
_TICKET_WANTED = Fallback.QUEUE
_QUEUE = "queue"

EndpointsOf = Callable[[str], Sequence[str]]
"""The endpoints of an application in the table in service, as URLs; none where it has none of that name."""


class Recorder:
    """`ports.Recording`. `take` hands over what has gathered, `sum` says what came of all."""

    def __init__(self, order: Order, process: int, endpoints_of: EndpointsOf) -> None:
        self._order = order
        self._process = process
        self._endpoints_of = endpoints_of
        self._places: dict[tuple[int, str, str], int] = {}
        self._began_s = order.began_s
        self._until_s = order.until_s
        self._held_bytes_max = order.limits.held_bytes_max
        self._encode = msgspec.json.Encoder().encode
        self._lines: list[bytes] = []
        self._held_bytes = 0
        self._arrived = 0
        self._ended = 0
        self._recorded = 0
        self._dropped: Counter[str] = Counter()
        self._withheld: Counter[str] = Counter()

    @property
    def until_s(self) -> float:
        """What arrives later is not recorded."""
        return self._until_s

    @property
    def unfinished(self) -> int:
        """Requests of the recorded time that have not ended."""
        return self._arrived - self._ended

    def close(self, now: float) -> None:
        """Record nothing that arrives from now on."""
        self._until_s = min(self._until_s, now)

    def arrive(self, request: Request) -> None:
        if self._belongs(request):
            self._arrived += 1

    def settle(self, request: Request, reply: Reply, elapsed_s: float, deadline_s: float | None) -> None:
        if not self._belongs(request):
            return
        self._ended += 1
        if self._held_bytes >= self._held_bytes_max:
            self._dropped[MEMORY] += 1
            return
        try:
            line = self._encode(self.row(request, reply, elapsed_s, deadline_s))
        except Exception:  # noqa: BLE001 - a text that is not Unicode, or a bug: it is the recording's loss
            self._dropped[UNWRITABLE] += 1
            return
        self._lines.append(line)
        self._held_bytes += len(line) + 1
        self._recorded += 1

    def row(self, request: Request, reply: Reply, elapsed_s: float, deadline_s: float | None) -> Row:
        """What is recorded of one request."""
        arrived_s = request.arrived_s
        asked_s = request.deadline_s
        budget_s = deadline_s
        if asked_s is not None and (budget_s is None or asked_s < budget_s):
            budget_s = asked_s
        body = self._body(self._order.bodies, request)
        return Row(
            t_s=_micro(arrived_s - self._began_s),
            unix_s=_micro(arrived_s + self._order.epoch_s),
            ms=_milli(elapsed_s),
            class_name=reply.class_name,
            labels=_short(reply.labels),
            verdict=reply.verdict,
            status=reply.answer.status,
            in_bytes=len(request.body),
            out_bytes=len(reply.answer.body),
            model=request.model[:NAME_CHARS_MAX],
            version=request.version[:NAME_CHARS_MAX],
            deadline_ms=None if budget_s is None else _milli(budget_s),
            asked_ms=None if asked_s is None else _milli(asked_s),
            fallback=_QUEUE if request.fallback is _TICKET_WANTED else request.fallback,
            application=reply.application,
            tier=reply.tier,
            table=reply.generation,
            ticket=reply.verdict is _PARKED,
            drained=request.drained,
            attempts=[self._attempt(each, arrived_s, reply) for each in reply.attempts[:ATTEMPTS_MAX]],
            passed_over=reply.passed_over[:ATTEMPTS_MAX],
            process=self._process,
            body=body.text,
            body_base64=body.base64,
            body_json_bytes=body.json_bytes,
            body_withheld=body.withheld,
        )

    def take(self) -> tuple[bytes, int]:
        """The lines that have gathered, and how many they are."""
        lines, self._lines = self._lines, []
        self._held_bytes = 0
        return b"".join([line + b"\n" for line in lines]), len(lines)

    def sum(self) -> Sum:
        """The account so far."""
        return Sum(
            recorded=self._recorded,
            unfinished=self.unfinished,
            dropped=dict(self._dropped),
            withheld=dict(self._withheld),
        )

    def _belongs(self, request: Request) -> bool:
        """A question about a model is no traffic."""
        return self._began_s <= request.arrived_s <= self._until_s and request.method == b"POST"

    def _attempt(self, attempt: Attempt, arrived_s: float, reply: Reply) -> AttemptRow:
        return AttemptRow(
            application=attempt.application,
            tier=attempt.tier,
            outcome=attempt.outcome,
            began_ms=_milli(attempt.began_s - arrived_s),
            ms=_milli(attempt.elapsed_s),
            endpoint=self._place(reply.generation, attempt.application, attempt.endpoint),
            hedge=attempt.hedge,
        )

    def _place(self, generation: int, application: str, url: str) -> int:
        key = (generation, application, url)
        place = self._places.get(key)
        if place is None:
            urls = self._endpoints_of(application)
            if len(self._places) >= PLACES_HELD_MAX:
                self._places = {}
            place = self._places[key] = urls.index(url) if url in urls else -1
        return place

    def _body(self, wanted: BodyOrder | None, request: Request) -> Kept:
        if wanted is None or not request.body:
            return _NOTHING_KEPT
        found = kept(
            request.block,
            request.body,
            wanted.rules,
            binary=wanted.binary,
            bytes_max=wanted.bytes_max,
            key=wanted.key,
        )
        if found.withheld:
            self._withheld[found.withheld] += 1
        return found


def _micro(seconds: float) -> float:
    """To microseconds; `round` costs five times as much."""
    return int(seconds * 1e6 + 0.5) / 1e6


def _milli(seconds: float) -> float:
    """In milliseconds, to microseconds."""
    return int(seconds * 1e6 + 0.5) / 1e3


def _short(labels: tuple[Label, ...]) -> tuple[Label, ...]:
    if len(labels) > LABELS_MAX or max(map(len, labels), default=0) > NAME_CHARS_MAX:
        return tuple(each[:NAME_CHARS_MAX] for each in labels[:LABELS_MAX])
    return labels
