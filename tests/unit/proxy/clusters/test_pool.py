"""The connections to one endpoint, over real sockets: none is lost, none is kept beyond its limits."""

import asyncio
import errno
from collections.abc import AsyncIterator, Awaitable, Callable
from types import SimpleNamespace

import pytest

from proxy.clusters.http import HttpCluster
from proxy.clusters.limits import ClientLimits
from proxy.clusters.pool import UNREAD_S_MAX, Pool
from proxy.messages import Answer, Failure, Outcome, Request, Target
from sim.stubs.behaviours import Half, Latency, Never, Ok, Reset, Sequence
from sim.stubs.server import StubServer
from tests.stand_ins.clock import ManualClock

QUESTION = b"GET /v2/health/live HTTP/1.1\r\nHost: a\r\n\r\n"


class Endpoint:
    """A pool, and what came of the calls over it."""

    def __init__(self, url: str, limits: ClientLimits | None = None) -> None:
        self.clock = ManualClock()
        self.pool = Pool(
            url, loop=asyncio.get_running_loop(), clock=self.clock, limits=limits or ClientLimits()
        )
        self.results: list[Answer | Failure] = []

    async def ask(self) -> Answer | Failure:
        return await one(lambda done: self.pool.call(QUESTION, b"", done))

    @property
    def at_rest(self) -> bool:
        """Whatever is counted is idle."""
        return not self.pool.busy and len(self.pool._all) == len(self.pool._idle)


async def one(call: Callable[[Callable[[Answer | Failure], None]], object]) -> Answer | Failure:
    future: asyncio.Future[Answer | Failure] = asyncio.get_running_loop().create_future()
    call(future.set_result)
    async with asyncio.timeout(10):
        return await future


async def until(look: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not look():  # noqa: ASYNC110 - what is looked at knows no events
            await asyncio.sleep(0.001)


@pytest.fixture
async def stub() -> AsyncIterator[StubServer]:
    async with StubServer() as server:
        yield server


async def test_a_connection_serves_one_call_after_the_other(stub: StubServer) -> None:
    """Opening one costs a round trip."""
    endpoint = Endpoint(stub.url)
    for _ in range(3):
        assert isinstance(await endpoint.ask(), Answer)
    assert stub.accepted == 1
    assert endpoint.at_rest
    endpoint.pool.close()


@pytest.mark.parametrize("host", ["a" * 64 + ".example", "a..example", "nowhere.invalid"])
async def test_a_host_that_cannot_be_found_refuses(host: str) -> None:
    """Also where its name breaks the encoding of names, which is no OSError."""
    endpoint = Endpoint(f"http://{host}:80")
    failure = await endpoint.ask()
    assert isinstance(failure, Failure)
    assert failure.outcome is Outcome.REFUSED
    await until(lambda: endpoint.at_rest)


async def test_a_call_given_up_while_it_is_answered_ends_its_connection(stub: StubServer) -> None:
    """The answer that is still on its way must not be the next call's."""
    stub.behave(Never())
    endpoint = Endpoint(stub.url)
    call = endpoint.pool.call(QUESTION, b"", endpoint.results.append)
    await until(lambda: stub.received == 1)
    call.cancel()
    await until(lambda: not endpoint.pool._all)
    stub.behave(Ok())
    assert isinstance(await endpoint.ask(), Answer)
    assert stub.accepted == 2
    assert endpoint.results == []
    endpoint.pool.close()


async def test_an_abandoned_call_tells_its_end_and_its_connection_serves_on(stub: StubServer) -> None:
    """The server was let finish: its answer is read and dropped, never taken for the next one's."""
    stub.behave(Latency(delay=0.05))
    endpoint = Endpoint(stub.url)
    call = endpoint.pool.call(QUESTION, b"", endpoint.results.append)
    await until(lambda: stub.received == 1)
    ended: list[bool] = []
    call.abandon(ended.append)
    await until(lambda: ended == [True])
    assert isinstance(await endpoint.ask(), Answer)
    assert stub.accepted == 1
    assert endpoint.results == []
    endpoint.pool.close()


async def test_an_abandoned_call_that_is_lost_is_not_sent_again(stub: StubServer) -> None:
    """Over a kept-alive connection, too: nobody wants an answer any more."""
    endpoint = Endpoint(stub.url)
    await endpoint.ask()
    stub.behave(Never())
    call = endpoint.pool.call(QUESTION, b"", endpoint.results.append)
    await until(lambda: stub.received == 2)
    ended: list[bool] = []
    call.abandon(ended.append)
    for connection in list(endpoint.pool._all):
        connection.close()
    await until(lambda: ended == [False])
    assert (stub.accepted, stub.received) == (1, 2)
    assert endpoint.results == []
    await until(lambda: endpoint.at_rest)


async def test_an_abandoned_call_that_was_not_sent_has_ended(stub: StubServer) -> None:
    """No server is at work on it; the connection is the next one's."""
    endpoint = Endpoint(stub.url)
    ended: list[bool] = []
    endpoint.pool.call(QUESTION, b"", endpoint.results.append).abandon(ended.append)
    assert ended == [False]
    await until(lambda: len(endpoint.pool._idle) == 1 and endpoint.at_rest)
    assert stub.received == 0
    endpoint.pool.close()


async def test_a_call_given_up_while_connecting_leaves_the_connection_to_the_next(stub: StubServer) -> None:
    """It cost a round trip, and nothing was sent over it."""
    endpoint = Endpoint(stub.url)
    endpoint.pool.call(QUESTION, b"", endpoint.results.append).cancel()
    # The task that opened it ends a turn after the connection is idle.
    await until(lambda: len(endpoint.pool._idle) == 1 and endpoint.at_rest)
    assert isinstance(await endpoint.ask(), Answer)
    assert (stub.accepted, stub.received) == (1, 1)
    endpoint.pool.close()


async def test_connections_are_bounded_and_one_too_many_is_throttled(stub: StubServer) -> None:
    """Those being opened count as well: a hundred calls may come in one turn of the loop."""
    stub.behave(Latency(delay=0.05))
    endpoint = Endpoint(stub.url, ClientLimits(connections_max=3))
    results = await asyncio.gather(*(endpoint.ask() for _ in range(10)))
    outcomes = [each.outcome if isinstance(each, Failure) else Outcome.OK for each in results]
    assert outcomes == [Outcome.OK] * 3 + [Outcome.THROTTLED] * 7
    assert stub.accepted == 3
    assert endpoint.at_rest
    endpoint.pool.close()


class Caller:
    """One call that its caller may give up, as the chain does: never after its end."""

    def __init__(self, pool: Pool) -> None:
        self.results: list[Answer | Failure] = []
        self.left = False
        self._call = pool.call(QUESTION, b"", self.results.append)

    def leave(self) -> None:
        if not self.results:
            self.left = True
            self._call.cancel()


async def test_a_thousand_calls_given_up_at_any_moment_leave_nothing_behind(stub: StubServer) -> None:
    """Connecting, sent, answered: wherever the caller's patience ends."""
    stub.behave(Latency(delay=0.002))
    endpoint = Endpoint(stub.url, ClientLimits(idle_max=20))
    callers = []
    for number in range(1000):
        callers.append(Caller(endpoint.pool))
        if number % 3:
            asyncio.get_running_loop().call_later(number % 7 / 1000, callers[-1].leave)
        if number % 50 == 0:
            await asyncio.sleep(0.003)
    await until(lambda: endpoint.at_rest)
    assert [len(caller.results) for caller in callers] == [int(not caller.left) for caller in callers]
    assert sum(caller.left for caller in callers) > 100
    assert len(endpoint.pool._idle) <= 20
    assert not endpoint.pool._opening
    endpoint.pool.close()
    await until(lambda: not endpoint.pool._all)


async def test_pools_that_no_table_names_go_as_soon_as_they_are_free(stub: StubServer) -> None:
    """Also where a call of an earlier table kept one busy when the new table came."""
    cluster = HttpCluster(loop=asyncio.get_running_loop(), clock=ManualClock(), limits=ClientLimits())
    request = Request(id="r", method=b"GET", target=b"/v2/models/m")
    ask: Callable[[], Awaitable[Answer | Failure]] = lambda: one(  # noqa: E731
        lambda done: cluster.call(Target(url=stub.url), request, 1.0, done)
    )
    stub.behave(Latency(delay=0.02))
    asking = asyncio.ensure_future(ask())
    await until(lambda: stub.received == 1)
    cluster.retain(["http://elsewhere:1"])
    assert list(cluster._pools) == [stub.url]
    assert isinstance(await asking, Answer)
    cluster.sweep()
    assert cluster._pools == {}
    cluster.close()


async def test_a_shortage_of_ours_does_not_speak_against_the_application(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without descriptors left, every application would look sick at once."""

    async def no_descriptors(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    endpoint = Endpoint("http://127.0.0.1:1")
    monkeypatch.setattr(
        endpoint.pool,
        "_loop",
        SimpleNamespace(create_connection=no_descriptors, create_task=asyncio.get_running_loop().create_task),
    )
    result = await endpoint.ask()
    assert isinstance(result, Failure)
    assert result.outcome is Outcome.THROTTLED


async def test_a_connection_that_the_server_closed_just_then_costs_no_attempt(stub: StubServer) -> None:
    """Servers close idle connections when they like: the request that met the end was not read."""
    endpoint = Endpoint(stub.url)
    await endpoint.ask()
    stub.behave(Sequence(behaviours=(Reset(), Ok()), cycle=False))
    answer = await endpoint.ask()
    assert isinstance(answer, Answer)
    assert answer.status == 200
    assert stub.accepted == 2


async def test_it_is_sent_once_more_and_not_again(stub: StubServer) -> None:
    """A server that dies of the request must not be killed in a loop."""
    endpoint = Endpoint(stub.url)
    await endpoint.ask()
    stub.behave(Reset())
    result = await endpoint.ask()
    assert isinstance(result, Failure)
    assert result.outcome is Outcome.RESET
    assert stub.received == 3


async def test_a_connection_lost_in_the_middle_of_an_answer_is_not_asked_again(stub: StubServer) -> None:
    """The server had read the request."""
    endpoint = Endpoint(stub.url)
    await endpoint.ask()
    stub.behave(Half())
    assert isinstance(await endpoint.ask(), Failure)
    assert stub.received == 2


async def test_a_connection_lost_after_a_while_had_carried_the_request(stub: StubServer) -> None:
    """The server may have worked on it; whether it is done again is the next tier's business."""
    endpoint = Endpoint(stub.url)
    await endpoint.ask()
    stub.behave(Latency(delay=0.01, then=Reset()))
    asking = asyncio.ensure_future(endpoint.ask())
    await until(lambda: stub.received == 2)
    endpoint.clock.time_s += UNREAD_S_MAX
    assert isinstance(await asking, Failure)
    assert stub.received == 2
