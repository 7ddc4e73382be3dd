"""Streams that nobody would write by hand, against both ends of the data path, and against h11.

h11 is an independent reading of RFC 9112. What this proxy takes as a request or as an answer, h11 must
take too, and read the same: a message that two servers read differently is how requests are smuggled.
The proxy may be stricter.
"""

import random
import re
from collections import Counter

import h11

from proxy.clusters.connection import Connection
from proxy.clusters.limits import ClientLimits
from proxy.messages import Answer, Failure
from tests.integration import streams
from tests.stand_ins.transport import RecordingTransport
from tests.unit.proxy.edge.callers import Caller

STREAMS = 20_000

H11_IS_STRICTER = re.compile(
    r"illegal (request|status) line: bytearray\(b'(\\r|\\n|\w+ +\S+ +HTTP/1.\d'\))"
    r"|illegal status line: bytearray\(b'HTTP/1.\d \d\d\d "
    r"|no (request|response) line received"
)
"""Empty lines before a message, several spaces in a request's line, odd characters in a status's phrase:
the proxy reads over them. They change no meaning, for every message is written anew."""


def seeded() -> random.Random:
    seed = random.SystemRandom().getrandbits(32)
    print(f"seed {seed}")
    return random.Random(seed)


# -- callers ----------------------------------------------------------------------------------------


class Heard:
    """What a caller's stream came to: the requests served, the statuses answered, whether it ended."""

    def __init__(self, caller: Caller) -> None:
        messages = [each.message for each in caller.service.servings]
        self.requests = [(each.method, each.target, each.body) for each in messages]
        self.fields = [(each.headers, each.ours, each.keep_alive) for each in messages]
        self.statuses = [status for status in caller.statuses() if status != 100]
        self.refusals = len(caller.service.faults)
        self.ended = caller.transport.ended

    def meaning(self) -> object:
        """All but which of several faults was found first."""
        return self.requests, self.fields, self.refusals, self.ended


def hear(rng: random.Random, data: bytes, *, whole: bool, at_once: bool = True) -> Heard:
    caller = Caller()
    caller.service.at_once = at_once
    for start, end in [(0, len(data))] if whole else streams.cuts(rng, len(data)):
        caller.sends(data[start:end])
        if not at_once and rng.random() < 0.5:
            answer_next(caller)
    while not at_once and answer_next(caller):
        pass
    return Heard(caller)


def answer_next(caller: Caller) -> bool:
    for serving in caller.service.servings:
        if not getattr(serving, "answered", False):
            serving.answered = True  # type: ignore[attr-defined]
            serving.answer()
            return True
    return False


def requests_by_h11(data: bytes) -> tuple[list[tuple[bytes, bytes, bytes]], str]:
    """The requests that h11 reads, and what it says of the first that it refuses."""
    peer = h11.Connection(h11.SERVER)
    peer.receive_data(data)
    found: list[tuple[bytes, bytes, bytes]] = []
    head: h11.Request | None = None
    body = b""
    try:
        while True:
            event = peer.next_event()
            if isinstance(event, h11.Request):
                head, body = event, b""
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                found.append((head.method, head.target, body))
                peer.send(h11.Response(status_code=200, headers=[("Content-Length", "0")]))
                peer.send(h11.EndOfMessage())
                if peer.our_state is not h11.DONE:
                    return found, "closed"
                peer.start_next_cycle()
            else:
                return found, ""
    except h11.RemoteProtocolError as error:
        return found, str(error)


def test_random_requests_break_nothing_and_mean_the_same_to_h11() -> None:
    """No exception, no answer without a request, none after a refusal, and no reading of our own."""
    rng = seeded()
    seen: Counter[str] = Counter()
    for _ in range(STREAMS):
        data, valid = streams.stream(rng, streams.request, 4)
        heard = hear(rng, data, whole=False)
        judge_order(heard, data)
        again = hear(rng, data, whole=True, at_once=False)
        judge_order(again, data)
        assert heard.meaning() == again.meaning(), f"cut otherwise, or answered later: {data!r}"
        seen[judge_against_h11(heard, data, valid=valid)] += 1
    print(seen)
    assert min(seen["valid"], seen["both refuse"], seen["h11 is laxer"]) > STREAMS / 100, seen


def judge_order(heard: Heard, data: bytes) -> None:
    assert heard.refusals <= 1, data
    assert len(heard.statuses) == len(heard.requests) + heard.refusals, data
    assert all(status == 200 for status in heard.statuses[: len(heard.requests)]), data
    assert not heard.refusals or heard.ended, data


def judge_against_h11(heard: Heard, data: bytes, *, valid: bool) -> str:
    theirs, refusal = requests_by_h11(data)
    theirs = [(method, _path(target), body) for method, target, body in theirs]
    both = min(len(theirs), len(heard.requests))
    assert heard.requests[:both] == theirs[:both], f"read differently: {data!r}"
    if len(heard.requests) > len(theirs):
        assert H11_IS_STRICTER.match(refusal), f"h11 refuses ({refusal}): {data!r}"
        return "h11 is stricter"
    if valid:
        assert not heard.refusals, data
        return "valid"
    if heard.refusals:
        return "both refuse" if refusal not in ("", "closed") else "h11 is laxer"
    return "unfinished or harmless"


def _path(target: bytes) -> bytes:
    """Of a target in absolute form, what the proxy takes it for."""
    scheme, colon, rest = target.partition(b"://")
    if not colon or scheme.lower() not in (b"http", b"https"):
        return target
    place = next((place for place, byte in enumerate(rest) if byte in b"/?#"), len(rest))
    return rest[place:] if rest[place : place + 1] == b"/" else b"/" + rest[place:]


# -- model servers ----------------------------------------------------------------------------------


def called(rng: random.Random, data: bytes, *, clean: bool) -> tuple[list[Answer | Failure], list[bool]]:
    """What a call comes to when a server sends `data` and the connection ends."""
    results: list[Answer | Failure] = []
    released: list[bool] = []
    transport = RecordingTransport()
    connection = Connection(ClientLimits(), lambda _, reusable: released.append(reusable))
    connection.connection_made(transport)
    connection.send(b"question", results.append)
    for start, end in streams.cuts(rng, len(data)):
        if not transport.aborted:
            connection.data_received(data[start:end])
            assert len(results) <= 1, data
    connection.connection_lost(None if clean else ConnectionResetError())
    return results, released


def answer_by_h11(data: bytes) -> tuple[int, bytes] | str:
    """The answer that h11 reads, or what it says of it."""
    peer = h11.Connection(h11.CLIENT)
    peer.send(h11.Request(method="GET", target="/", headers=[("Host", "a")]))
    peer.send(h11.EndOfMessage())
    peer.receive_data(data)
    peer.receive_data(b"")
    status, body = 0, b""
    try:
        while True:
            event = peer.next_event()
            if isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                return status, body
            elif not isinstance(event, h11.InformationalResponse):
                return "not whole"
    except h11.RemoteProtocolError as error:
        return str(error)


def test_random_answers_end_their_call_once_and_mean_the_same_to_h11() -> None:
    """Whatever a model server sends: one result, the right one, and no connection reused in doubt."""
    rng = seeded()
    seen: Counter[str] = Counter()
    for _ in range(STREAMS):
        data, valid = streams.stream(rng, streams.answer, 2 if rng.random() < 0.2 else 1)
        clean = rng.random() < 0.8
        results, released = called(rng, data, clean=clean)
        assert len(results) == 1, data
        assert released.count(True) <= 1, data
        result = results[0]
        if isinstance(result, Answer):
            theirs = answer_by_h11(data)
            if not (isinstance(theirs, str) and H11_IS_STRICTER.match(theirs)):
                assert (result.status, result.body) == theirs, f"read differently: {data!r}"
            assert released[0] or released.count(True) == 0, f"reused after its end: {data!r}"
        kind = result.outcome.value if isinstance(result, Failure) else "answer"
        seen[f"{kind}{' (valid)' if valid else ''}"] += 1
    print(seen)
    assert min(seen["answer"], seen["answer (valid)"], seen["garbage"], seen["reset"]) > STREAMS / 100, seen
