"""The founding document's table, end to end over real sockets, against stub model servers."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from scipy.stats import chisquare

from sim.stubs.behaviours import (
    AnyBehaviour,
    Drip,
    Garbage,
    Half,
    Huge,
    Never,
    Ok,
    Redirect,
    Refuse,
    Reset,
    Status,
    Truncated,
    WrongLength,
)
from sim.stubs.server import StubServer
from tests.integration.apps import RunningApp, at_home, running
from tests.integration.callers import Response, ask, ask_many, eventually, get, infer, labelled

FOUNDING = Path(__file__).parents[2] / "routing_tables" / "founding.yaml"
REQUESTS = 60_000
SEED = 1125
"""Of the draws: one fair run in a hundred would fail the chi-square test."""


class Founding:
    """The proxy over the founding table, and its six applications."""

    def __init__(self, app: RunningApp, stubs: dict[str, StubServer]) -> None:
        self.app = app
        self.port = app.port
        self.stubs = stubs

    def behave(self, behaviour: AnyBehaviour, *names: str) -> None:
        for name in names or self.stubs:
            self.stubs[name].behave(behaviour)


@pytest.fixture
async def founding(tmp_path: Path) -> AsyncIterator[Founding]:
    async with AsyncExitStack() as stack:
        stubs = {
            name: await stack.enter_async_context(StubServer(name, calls_kept=10))
            for name in map(str, range(1, 7))
        }
        table = tmp_path / "table.yaml"
        table.write_text(at_home(FOUNDING.read_text(), {name: stub.url for name, stub in stubs.items()}))
        queue = f"sqlite:///{tmp_path}/queue.db"
        yield Founding(await stack.enter_async_context(running(table, queue, seed=SEED)), stubs)


async def test_60000_requests_labelled_1125_split_one_to_five_and_reach_no_other(
    founding: Founding, tmp_path: Path
) -> None:
    """The founding document's own example: 1/6 to application 1, 5/6 to application 4.

    The rows' timeouts are lengthened: on a machine that stands still for 100 ms a fall-through to
    application 2 would be right, and is not what is counted here.
    """
    table = tmp_path / "table.yaml"
    table.write_text(table.read_text().replace("timeout: 100", "timeout: 20000"))
    assert (await founding.app.app.reloader.reload("test")).value == "accepted"
    answered: Counter[str] = Counter()

    def heard(response: Response) -> None:
        assert response.status == 200, (response, founding.app.log.events)
        answered[response.headers["penstock-application"]] += 1

    request = infer(labelled(1125))
    await ask_many(founding.port, iter([request] * REQUESTS), heard)
    received = {name: stub.received for name, stub in founding.stubs.items()}
    assert received == {"1": answered["1"], "4": answered["4"], "2": 0, "3": 0, "5": 0, "6": 0}
    p = chisquare([answered["1"], answered["4"]], [REQUESTS / 6, REQUESTS * 5 / 6]).pvalue
    print(f"{REQUESTS} requests: {answered['1']} to 1, {answered['4']} to 4, chi-square p = {p:.3f}")
    assert p > 0.01


WAYS = [
    (Refuse(), {"refused", "reset"}),  # reset where a kept-alive connection died with the server
    (Reset(), {"reset"}),
    (Half(), {"reset"}),
    (Truncated(), {"reset"}),
    (WrongLength(off_bytes=3), {"timeout"}),
    (Garbage(), {"garbage"}),
    (Redirect(), {"garbage"}),
    (Never(), {"timeout"}),
    (Drip(), {"timeout"}),
    (Huge(), {"garbage", "timeout"}),
    *((Status(code=code), {"denied"}) for code in (401, 403)),
    *((Status(code=code), {"throttled"}) for code in (429, 450)),
    *((Status(code=code), {"failed"}) for code in (408, 500, 502, 503, 504)),
]


@pytest.mark.parametrize(("way", "outcomes"), WAYS, ids=[repr(way) for way, _ in WAYS])
async def test_when_tier_0_fails_application_2_answers_in_the_time_left(
    founding: Founding, way: AnyBehaviour, outcomes: set[str]
) -> None:
    """Whichever way it fails: that is what tiers are for."""
    await ask(founding.port, infer(labelled(1125)))  # so that kept-alive connections exist
    founding.behave(way, "1", "4")
    for _ in range(3):
        response = await ask(founding.port, infer(labelled(1125), "Penstock-Deadline-Ms: 10000"))
        assert response.status == 200, response
        (first, first_tier, how), last = response.attempts
        assert first in ("1", "4")
        assert (first_tier, how in outcomes) == (0, True), response.attempts
        assert last == ("2", 1, "ok")
        assert (response.headers["penstock-application"], response.headers["penstock-tier"]) == ("2", "1")


async def test_a_server_that_sends_more_than_it_announced_is_not_asked_again_on_that_connection(
    founding: Founding,
) -> None:
    """The announced part is a whole answer; the rest would answer the next request."""
    founding.behave(WrongLength(off_bytes=-3), "1", "4")
    for _ in range(3):
        response = await ask(founding.port, infer(labelled(1125)))
        assert response.attempts[-1] in [("1", 0, "ok"), ("4", 0, "ok"), ("2", 1, "ok")]
        assert response.status == 200


async def test_what_nobody_serves_gets_a_ticket_and_later_the_true_answer(founding: Founding) -> None:
    """Not lost, not invented: the model's own answer, once it is back."""
    founding.behave(Status(code=500), "1", "4", "2")
    response = await ask(founding.port, infer(labelled(1125, id="mine"), "X-Request-Id: ad-17"))
    assert response.status == 202
    assert response.attempts[1:] == [("2", 1, "failed")]
    location = response.headers["location"]
    assert response.json["status"] == "queued"
    waiting = await get(founding.port, location)
    assert (waiting.status, waiting.json["ticket"]) == (202, response.json["ticket"])
    assert int(waiting.headers["retry-after"]) >= 1

    founding.behave(Ok())
    direct = (await ask(founding.port, infer(labelled(1125, id="mine")))).json

    async def answered() -> bool:
        return (await get(founding.port, location)).status == 200

    await eventually(answered, 20, "the ticket's answer")
    result = await get(founding.port, location)
    assert result.json["id"] == "mine"
    assert result.json.keys() == direct.keys()
    assert founding.stubs["1"].calls or founding.stubs["4"].calls
    replayed = [call for stub in founding.stubs.values() for call in stub.calls]
    assert any(call.headers["x-request-id"] == "ad-17" for call in replayed)


async def test_a_caller_that_wants_no_ticket_is_told_to_come_back(founding: Founding) -> None:
    """`Penstock-Fallback: none`."""
    founding.behave(Status(code=503))
    response = await ask(founding.port, infer(labelled(1125), "Penstock-Fallback: none"))
    assert response.status == 503
    assert "retry-after" in response.headers


async def test_a_caller_that_wants_a_ticket_at_once_gets_one_and_its_answer(founding: Founding) -> None:
    """`Prefer: respond-async`."""
    response = await ask(founding.port, infer(labelled(1125), "Prefer: respond-async"))
    assert (response.status, response.attempts) == (202, [])

    async def answered() -> bool:
        return (await get(founding.port, response.headers["location"])).status == 200

    await eventually(answered, 20, "the ticket's answer")


async def test_a_cancelled_ticket_is_gone_with_its_reason(founding: Founding) -> None:
    """DELETE ends it; its model is never asked."""
    founding.behave(Never())
    response = await ask(founding.port, infer(labelled(7), "Prefer: respond-async"))
    location = response.headers["location"]
    for _ in range(2):
        cancelled = await get(founding.port, location, "DELETE")
        assert (cancelled.status, cancelled.json["status"]) == (200, "cancelled")
    gone = await get(founding.port, location)
    assert (gone.status, gone.json["status"]) == (410, "cancelled")
    for method in ("GET", "DELETE"):
        assert (await get(founding.port, "/v1/tickets/never-given", method)).status == 404


async def test_the_same_idempotency_key_gets_the_same_ticket(founding: Founding) -> None:
    """A caller that lost the 202 may ask again."""
    founding.behave(Refuse())
    first, again = [await ask(founding.port, infer(labelled(7), "Idempotency-Key: k-1")) for _ in range(2)]
    assert first.json["ticket"] == again.json["ticket"]
    other = await ask(founding.port, infer(labelled(7, id="other"), "Idempotency-Key: k-1"))
    assert other.status == 422


async def test_a_caller_that_leaves_cancels_its_call(founding: Founding) -> None:
    """The model server sees its client go, and the permit comes back."""
    founding.behave(Never())
    _, writer = await asyncio.open_connection("127.0.0.1", founding.port)
    writer.write(infer(labelled(7)))

    async def arrived() -> bool:
        return founding.stubs["3"].received == 1

    await eventually(arrived, 5, "the call")
    writer.transport.abort()

    async def left() -> bool:
        return founding.stubs["3"].abandoned == 1

    await eventually(left, 5, "the model server's client going")
    states = (await founding.app.admin("/v1/applications")).json["applications"]
    assert all(state["in_flight"] == 0 for state in states)


@pytest.mark.parametrize("status", [400, 404, 413, 415, 422])
async def test_the_callers_own_error_goes_back_from_where_it_happened(
    founding: Founding, status: int
) -> None:
    """Client errors must not cascade."""
    founding.behave(Status(code=status), "1", "4")
    response = await ask(founding.port, infer(labelled(1125)))
    assert response.status == status
    assert len(response.attempts) == 1
    assert founding.stubs["2"].received == 0


async def test_a_drained_application_gives_its_share_to_the_others(founding: Founding) -> None:
    """An operator takes 4 out: all of 1125 goes to 1, without an attempt on 4."""
    assert (await founding.app.admin("/v1/applications/4/drain", "POST")).status == 200
    for _ in range(20):
        response = await ask(founding.port, infer(labelled(1125)))
        assert response.attempts == [("1", 0, "ok")]
    assert (await founding.app.admin("/v1/applications/4/undrain", "POST")).status == 200
    seen = {(await ask(founding.port, infer(labelled(1125)))).attempts[0][0] for _ in range(60)}
    assert seen == {"1", "4"}


async def test_ids_and_trace_context_travel_with_the_request(founding: Founding) -> None:
    """X-Request-Id is made, echoed and forwarded; traceparent passes through."""
    parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    response = await ask(founding.port, infer(labelled(7), f"traceparent: {parent}"))
    call = founding.stubs["3"].calls[-1]
    assert call.headers["x-request-id"] == response.headers["x-request-id"]
    assert call.headers["traceparent"] == parent
    assert 0 < int(call.headers["penstock-deadline-ms"]) <= 100
    assert call.headers["penstock-rank"].isdecimal()
    assert "tri-service-timeout" not in call.headers


async def test_an_hsf_gateway_is_told_the_time_left_in_its_own_field(founding: Founding) -> None:
    """Dubbo Triple over HTTP/1.1 reads `tri-service-timeout`."""
    founding.behave(Status(code=500), "1")
    while not founding.stubs["5"].calls:
        await ask(founding.port, infer(labelled(44)))
    assert 0 < int(founding.stubs["5"].calls[-1].headers["tri-service-timeout"]) <= 100


@pytest.mark.parametrize(
    ("body", "fields", "said"),
    [
        (b'{"parameters": {"label": 1125}', (), "truncated"),
        (b"\xff\xfe", (), "not JSON"),
        (b"[1125]", (), "not an object"),
        (labelled(1125), ("Inference-Header-Content-Length: 99999",), "Inference-Header-Content-Length"),
        (labelled(1125), ("Inference-Header-Content-Length: -1",), "Inference-Header-Content-Length"),
        (labelled(1125), ("Content-Encoding: gzip",), "damaged"),
        (b"{}", (), "labels: none"),
    ],
)
async def test_a_body_that_no_labeler_can_read_is_refused_with_the_reason(
    founding: Founding, body: bytes, fields: tuple[str, ...], said: str
) -> None:
    """Without a label there is no row; the caller is told why there was no label."""
    response = await ask(founding.port, infer(body, *fields))
    assert response.status == 404
    assert said in response.json["error"], response.json


async def test_a_cut_off_body_is_never_routed(founding: Founding) -> None:
    """The caller promised more than it sent, and left."""
    reader, writer = await asyncio.open_connection("127.0.0.1", founding.port)
    writer.write(infer(labelled(7))[:-5])
    writer.write_eof()
    assert await reader.read() == b""
    writer.close()
    assert founding.stubs["3"].received == 0
