"""The channel: typed messages in order, and an end that shows."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from proxy.family import channel as module
from proxy.family.channel import Channel
from proxy.family.messages import Ask, Down, Edition, Finish, NewTable, SetDrained

Ends = tuple[Channel[Down], Channel[Down]]


@pytest.fixture
async def ends() -> AsyncIterator[Ends]:
    one, other = socket.socketpair()
    ends = await Channel[Down].over(one, Down), await Channel[Down].over(other, Down)
    yield ends
    for end in ends:
        await end.close()


async def test_messages_arrive_as_they_were_sent_and_in_order(ends: Ends) -> None:
    """A table after its successor would be served for ever."""
    edition = Edition(source=b"\x00\xff" * 500_000, generation=7, slots={"a": 1}, drained=("a",))
    said = [Ask(1, states=True), NewTable(edition), SetDrained(2, "a", drained=False), Finish(2.5)]
    assert all(ends[0].send(each) for each in said)
    assert [await ends[1].receive() for _ in said] == said


async def test_an_end_that_is_closed_ends_the_other(ends: Ends) -> None:
    """That is how a death is noticed; what was sent before still arrives."""
    ends[0].send(Finish(1.0))
    await ends[0].close()
    assert await ends[1].receive() == Finish(1.0)
    assert await ends[1].receive() is None
    assert not ends[0].send(Finish(1.0))


async def test_closing_after_the_other_end_has_gone_is_no_error(ends: Ends) -> None:
    """A child whose supervisor was killed has the last word to nobody."""
    await ends[1].close()
    for _ in range(10):
        ends[0].send(NewTable(Edition(source=b"x" * 100_000, generation=1, slots={}, drained=())))
        await asyncio.sleep(0)
    await ends[0].close()
    assert not ends[0].send(Finish(1.0))


@pytest.mark.parametrize(
    "data", [b"\xff\xff\xff\xff", b"\x00\x00\x00\x01\xc1", b"\x00\x00\x00\x01\x01", b"\x00\x00"]
)
async def test_what_cannot_be_understood_is_the_end(data: bytes) -> None:
    """Too large, no msgpack, no message, cut off: whoever says so is not to be trusted with a table."""
    raw, other = socket.socketpair()
    end = await Channel[Down].over(other, Down)
    raw.sendall(data)
    raw.close()
    assert await end.receive() is None
    await end.close()


async def test_an_end_that_does_not_read_is_told_of(monkeypatch: pytest.MonkeyPatch, ends: Ends) -> None:
    """What waits for it must not grow without bound."""
    monkeypatch.setattr(module, "UNSENT_BYTES_MAX", 3_000_000)
    monkeypatch.setattr(module, "CLOSED_S_MAX", 0.01)
    table = NewTable(Edition(source=b"x" * 1_000_000, generation=1, slots={}, drained=()))
    said = [ends[0].send(table) for _ in range(10)]
    assert said[0] is True
    assert said[-1] is False
