"""What h11 reads, an independent implementation of RFC 9112: the requests or the answer, and how it ends."""

import h11
import msgspec

EVENT_BYTES_MAX = 1 << 20

REFUSED, WAITING, IDLE, CLOSED = "refused", "waiting", "idle", "closed"


class Read(msgspec.Struct, frozen=True):
    """One request; `start` and `end` are its place in the stream."""

    method: bytes
    target: bytes
    version: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    start: int
    end: int


class Reading(msgspec.Struct, frozen=True):
    """All that h11 makes of a stream. `rest` is where the first message that is not whole begins."""

    requests: list[Read]
    state: str
    why: str  # the error, where it refuses
    rest: int


def read_requests(data: bytes) -> Reading:
    """As a server reads them, which answers each at once."""
    peer = h11.Connection(h11.SERVER, max_incomplete_event_size=EVENT_BYTES_MAX)
    peer.receive_data(data)
    found: list[Read] = []
    start = 0
    try:
        while True:
            head, body = _read_message(peer)
            if head is None:
                return Reading(found, IDLE if start == len(data) else WAITING, "", start)
            if body is None:
                return Reading(found, WAITING, "", start)
            end = len(data) - len(peer.trailing_data[0])
            found.append(_read(head, body, start, end))
            start = end
            status = 404 if head.method == b"CONNECT" else 200
            peer.send(h11.Response(status_code=status, headers=[("Content-Length", "0")]))
            peer.send(h11.EndOfMessage())
            if peer.our_state is not h11.DONE:
                return Reading(found, CLOSED, "", start)
            peer.start_next_cycle()
    except h11.RemoteProtocolError as error:
        return Reading(found, REFUSED, str(error), start)


def _read_message(peer: h11.Connection) -> tuple[h11.Request | None, bytes | None]:
    """The head, None where it is not whole; the body, None where that is not."""
    head: h11.Request | None = None
    body = b""
    while True:
        event = peer.next_event()
        if isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            return head, body
        else:
            return head, None


def _read(head: h11.Request, body: bytes, start: int, end: int) -> Read:
    fields = tuple((bytes(name), bytes(value)) for name, value in head.headers)
    return Read(head.method, head.target, head.http_version, fields, body, start, end)


class AnswerRead(msgspec.Struct, frozen=True):
    """An answer, or `why` there is none."""

    status: int = 0
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""
    reusable: bool = False  # but for what came behind
    behind: bytes = b""  # what came after it
    why: str = ""


def read_answer(data: bytes, *, clean: bool) -> AnswerRead:
    """As a client reads it that sees the connection end after it, `clean` or not."""
    peer = h11.Connection(h11.CLIENT, max_incomplete_event_size=EVENT_BYTES_MAX)
    peer.send(h11.Request(method="GET", target="/", headers=[("Host", "a")]))
    peer.send(h11.EndOfMessage())
    peer.receive_data(data)
    if clean:
        peer.receive_data(b"")
    try:
        return _read_answer(peer)
    except h11.RemoteProtocolError as error:
        return AnswerRead(why=str(error))


def _read_answer(peer: h11.Connection) -> AnswerRead:
    head: h11.Response | None = None
    body = b""
    while True:
        event = peer.next_event()
        if isinstance(event, h11.Response):
            head = event
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            assert head is not None
            fields = tuple((bytes(name), bytes(value)) for name, value in head.headers)
            behind = peer.trailing_data[0]
            return AnswerRead(head.status_code, fields, body, peer.our_state is h11.DONE, behind)
        elif not isinstance(event, h11.InformationalResponse):
            return AnswerRead(why="not whole")
