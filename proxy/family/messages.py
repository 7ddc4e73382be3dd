"""What the supervisor and its children say to each other, as frozen values. Nothing here is executable.

Down: `Begin` first, then tables and drained applications in the order in which they happen, certificates,
questions, recordings, and `Finish`, after it perhaps `Hurry`. Up: `Began`, an answer to each table and
question, lines of a recording, and `Ended` or `Broke` at the last.
"""

import msgspec

from proxy.certificate import Certificate
from proxy.clusters.limits import ClientLimits
from proxy.edge.limits import EdgeLimits
from proxy.observe.tracing import TraceOptions
from proxy.options import Address
from proxy.recording.order import Batch, Order
from proxy.routing.sight import Sight


class Buckets(msgspec.Struct, frozen=True, kw_only=True):
    """A histogram as it travels."""

    counts: list[int]
    total: float


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """`observe.meters.Meters` as they travel, and what the labelers did."""

    requests: dict[tuple[str, str, str], int]
    attempts: dict[tuple[str, str], int]
    passed_over: dict[tuple[str, str], int]
    hedges: dict[tuple[str, str], int]
    faults: dict[int, int]
    tickets: dict[str, int]
    traces: dict[str, int]
    spans_dropped: dict[str, int]
    request_seconds: dict[str, Buckets]
    overhead_seconds: Buckets
    connections: int
    held_bytes: int
    labelers: dict[tuple[str, str], int]


class Edition(msgspec.Struct, frozen=True, kw_only=True):
    """A table for all processes: the same bytes, the same generation, the same slots of the ledger."""

    source: bytes
    generation: int
    slots: dict[str, int]  # by application
    drained: tuple[str, ...]  # applications that an operator took out of service


class Begin(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What a child is to do. Nothing of it stands in its command line."""

    column: int  # its number, from 1; also its column of the ledger
    processes: int
    core: int | None  # that it keeps to; None = where the system puts it
    memory: int  # the descriptor of the ledger's memory
    table: str  # the path; only for what the table names relative to it
    edition: Edition
    listen: dict[str, Address]  # by scheme
    queue: str  # the socket of the offline queue's owner
    log_level: str
    drain_s: float
    seed: int | None
    edge: EdgeLimits
    client: ClientLimits
    traces: TraceOptions
    certificate: Certificate | None  # the one in force: the files may be bad when a child is started again
    recording: Order | None = None  # that is under way


class NewCertificate(msgspec.Struct, frozen=True, tag=True):
    """Make connections by this from now on. It has been checked."""

    certificate: Certificate


class NewTable(msgspec.Struct, frozen=True, tag=True):
    """Serve this from now on."""

    edition: Edition


class SetDrained(msgspec.Struct, frozen=True, tag=True):
    """An operator took an application out of service, or back in. Answered with `Heeded`."""

    serial: int
    application: str
    drained: bool


class Ask(msgspec.Struct, frozen=True, tag=True):
    """How do you do? `states`: of every application too."""

    serial: int
    states: bool


class Record(msgspec.Struct, frozen=True, tag=True):
    """Record by this order. Answered with `Recorded`, the last of them marked."""

    order: Order


class EndRecording(msgspec.Struct, frozen=True, tag=True):
    """Record nothing that arrives from now on; `at_once`: nor what is under way."""

    at_once: bool


class Finish(msgspec.Struct, frozen=True, tag=True):
    """Accept no more, let requests end for this long, then end."""

    drain_s: float


class Hurry(msgspec.Struct, frozen=True, tag=True):
    """Cut the end that has begun short."""


class Began(msgspec.Struct, frozen=True, tag=True):
    """Connections are accepted from now on."""

    generation: int


class Built(msgspec.Struct, frozen=True, tag=True):
    """The table of this generation is in service here."""

    generation: int
    held: tuple[int, ...]  # slots that are not in it and still in use by requests of earlier ones


class Told(msgspec.Struct, frozen=True, tag=True):
    """The answer to `Ask`."""

    serial: int
    counts: Counts
    breakers: dict[str, int]  # by application; those that admit are left out
    limits: dict[str, int]  # calls in flight at most, by application: where the process lowers it by itself
    sight: Sight


class Heeded(msgspec.Struct, frozen=True, tag=True):
    """What was asked for under this number is done."""

    serial: int


class Recorded(msgspec.Struct, frozen=True, tag=True):
    """Lines of a recording."""

    batch: Batch


class Ended(msgspec.Struct, frozen=True, tag=True):
    """All is done that there was to do; the last word."""

    cut_off: int  # requests that did not end in time
    counts: Counts


class Broke(msgspec.Struct, frozen=True, tag=True):
    """The child cannot go on."""

    why: str


Down = Begin | NewCertificate | NewTable | SetDrained | Ask | Record | EndRecording | Finish | Hurry
Up = Began | Built | Told | Heeded | Recorded | Ended | Broke
