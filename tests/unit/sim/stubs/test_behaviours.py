"""Each behaviour, judged on the wire by a client that the stubs share no code with."""

import asyncio
import socket
from collections.abc import AsyncIterator

import httpx
import pytest

from sim.stubs.behaviours import (
    Chunked,
    Close,
    Continue100,
    Drip,
    Echo,
    Garbage,
    Half,
    Huge,
    Never,
    Ok,
    Redirect,
    Refuse,
    Reset,
    Sequence,
    SilentClose,
    Status,
    Truncated,
    Unframed,
    WrongLength,
)
from sim.stubs.server import StubServer

INFER = "/v2/models/risk/infer"
REQUEST = {"id": "77", "inputs": []}


@pytest.fixture
async def client(stub: StubServer) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=stub.url, timeout=30) as client:
        yield client


@pytest.mark.parametrize(
    "behaviour", [Ok(), Continue100(), Chunked(), Unframed(), Close(), SilentClose(), Drip(interval_s=0)]
)
async def test_a_good_answer_is_whole_whatever_its_form(stub, client, behaviour) -> None:
    """A proxy that spoils one of these forms would be blamed on the model server."""
    stub.behave(behaviour)
    answer = await client.post(INFER, json=REQUEST, headers={"X-Request-Id": "r-1"})
    assert answer.status_code == 200
    assert answer.headers["x-request-id"] == "r-1"
    assert answer.json() == {
        "model_name": "risk",
        "model_version": "1",
        "id": "77",
        "outputs": [{"name": "stub", "shape": [1], "datatype": "BYTES", "data": ["alpha"]}],
    }


@pytest.mark.parametrize(
    "behaviour",
    [Half(), Truncated(), Truncated(missing_bytes=40), WrongLength(off_bytes=-3), Garbage(), Reset()],
)
async def test_a_spoilt_answer_is_an_error_to_a_strict_client(stub, client, behaviour) -> None:
    """A fault that a client can take for a good answer tests nothing."""
    stub.behave(behaviour)
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        await _ask_twice(client)  # bytes too many show at the next use of the connection
    assert stub.received >= 1


async def test_the_same_client_finds_no_error_in_a_good_stub(stub, client) -> None:
    """The judge of the test above must not call everything spoilt."""
    await _ask_twice(client)
    assert (stub.received, stub.accepted) == (2, 1)


async def _ask_twice(client: httpx.AsyncClient) -> None:
    for _ in range(2):
        assert (await client.post(INFER, json=REQUEST)).status_code == 200


async def test_half_is_the_head_and_half_of_the_body(stub, ask) -> None:
    """The proxy must notice a cut after bytes of the body have come."""
    whole = await ask()
    stub.behave(Half())
    head, _, body = (await ask()).partition(b"\r\n\r\n")
    assert head == whole.partition(b"\r\n\r\n")[0]
    assert body == whole.partition(b"\r\n\r\n")[2][: len(body)]
    assert len(body) == int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0]) // 2


async def test_a_length_too_long_leaves_the_client_waiting(stub, ask) -> None:
    """Bytes that never come look like a slow server: only a timeout ends the wait."""
    stub.behave(WrongLength(off_bytes=5))
    head, _, body = (await ask()).partition(b"\r\n\r\n")
    assert b"Content-Length: %d" % (len(body) + 5) in head
    assert stub.abandoned == 1


async def test_reset_reads_the_request_and_resets_the_connection(stub, message) -> None:
    """A reset is not an end in good order: the kernel tells them apart, and so may a client."""
    stub.behave(Reset())
    reader, writer = await asyncio.open_connection("127.0.0.1", stub.port)
    writer.write(message)
    with pytest.raises(ConnectionResetError):
        await reader.read()
    writer.close()
    assert stub.received == 1


async def test_never_reads_and_says_nothing(stub, ask) -> None:
    """A black hole is found by the client's clock alone."""
    stub.behave(Never())
    assert await ask() == b""
    assert (stub.received, stub.abandoned) == (1, 1)


async def test_never_leaves_what_follows_unanswered_too(stub, message) -> None:
    """Answers come in order: one that never comes holds up all behind it."""
    stub.behave(Sequence(behaviours=(Never(), Ok())))
    reader, writer = await asyncio.open_connection("127.0.0.1", stub.port)
    writer.write(message)
    while not stub.received:  # noqa: ASYNC110 - the counts of a stub are plain numbers
        await asyncio.sleep(0)
    writer.write(message)
    writer.write_eof()
    assert await reader.read() == b""
    assert (stub.received, stub.abandoned) == (1, 1)
    writer.close()


@pytest.mark.parametrize("path", ["/v2/health/ready", INFER])
async def test_status_answers_everything_with_its_code(stub, client, path) -> None:
    """A sick server is sick at every endpoint."""
    stub.behave(Status(code=429, retry_after_s=1.5))
    answer = await client.get(path)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1.5")
    assert "error" in answer.json()


async def test_a_status_that_http_does_not_know_is_sent_all_the_same(stub, client) -> None:
    """EAS says 450 for a full queue."""
    stub.behave(Status(code=450))
    answer = await client.post(INFER, json=REQUEST)
    assert answer.status_code == 450
    assert "retry-after" not in answer.headers


async def test_redirect_points_elsewhere(stub, client) -> None:
    """A client that follows it would carry the caller's data to an address that no table names."""
    stub.behave(Redirect(location="http://127.0.0.1:1/else"))
    answer = await client.post(INFER, json=REQUEST)
    assert (answer.status_code, answer.headers["location"]) == (302, "http://127.0.0.1:1/else")


async def test_huge_sends_every_byte_that_it_announced_and_no_more(stub, message) -> None:
    """A limit is tested from both sides: the size must be exact, also past what the kernel takes in."""
    body_bytes = 30_000_003
    stub.behave(Huge(body_bytes=body_bytes))
    reader, writer = await asyncio.open_connection("127.0.0.1", stub.port)
    writer.write(message.replace(b"Host:", b"Connection: close\r\nHost:"))
    head = await reader.readuntil(b"\r\n\r\n")
    assert b"Content-Length: %d\r\n" % body_bytes in head
    assert len(await reader.read()) == body_bytes
    writer.close()


async def test_huge_waits_for_a_client_that_does_not_read(stub, message) -> None:
    """A stub that keeps a body of a gigabyte in memory tests its own machine."""
    stub.behave(Huge(body_bytes=1 << 40))
    reader, writer = await asyncio.open_connection("127.0.0.1", stub.port, limit=1024)
    writer.write(message)
    assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    writer.transport.abort()
    await stub.stop()
    assert stub.abandoned == 1


async def test_echo_returns_the_body_and_says_how_to_read_it(stub, client) -> None:
    """Binary tensors must pass as they are; the header length says where they begin."""
    stub.behave(Echo())
    body = bytes(range(256)) * 3
    fields = {"Content-Type": "application/octet-stream", "Inference-Header-Content-Length": "17"}
    answer = await client.post(INFER, content=body, headers=fields)
    assert answer.content == body
    assert {name: answer.headers[name] for name in fields} == fields


@pytest.mark.parametrize(("behaviour", "accepted"), [(Ok(), 1), (Close(), 3), (SilentClose(), 3)])
async def test_closing_behaviours_cost_a_connection_each_time(
    stub, ask, message, behaviour, accepted
) -> None:
    """Reuse of a connection that was closed behind one's back is the commonest false failure."""
    stub.behave(behaviour)
    for _ in range(accepted):
        data = await ask(message if accepted > 1 else message * 3)
    assert stub.received == 3
    assert stub.accepted == accepted
    assert (b"Connection: close" in data) == isinstance(behaviour, Close)


async def test_refuse_leaves_nobody_listening_and_comes_back_on_the_same_port(stub, ask) -> None:
    """A process that died and came back: what an open breaker and its probe live through."""
    port = stub.port
    stub.behave(Refuse())
    with pytest.raises(ConnectionRefusedError):
        await ask()
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", port))
    stub.behave(Ok())
    assert (await ask()).startswith(b"HTTP/1.1 200")
    assert stub.port == port


async def test_refuse_resets_connections_that_were_open(stub, message) -> None:
    """A pool must not believe in the connections of a process that is gone."""
    reader, writer = await asyncio.open_connection("127.0.0.1", stub.port)
    writer.write(message)
    await reader.readuntil(b"}")  # the stub has it, and keeps it open
    stub.behave(Refuse())
    with pytest.raises(ConnectionResetError):
        await reader.read()
    writer.close()
