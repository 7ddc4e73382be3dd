"""Who is turned away by the head alone: before the body is read, and without holding it."""

import pytest

from proxy.edge.limits import EdgeLimits
from proxy.messages import Answer
from tests.unit.proxy.edge.callers import GET, Caller, chunked, post

BODY = b"x" * 1000
OVERLOADED = Answer(status=503, headers=((b"Retry-After", b"1"),), body=b"{}")
PLAIN, LARGE, OFFERING = post(BODY), chunked(BODY), post(BODY, b"Connection: Upgrade", b"Upgrade: h2c")


def distressed(turned_away: Answer | None = OVERLOADED) -> Caller:
    caller = Caller(EdgeLimits(linger_bytes_max=100_000))
    caller.service.distressed = True
    caller.service.turned_away = turned_away
    return caller


def head_of(data: bytes) -> bytes:
    return data[: data.index(b"\r\n\r\n") + 4]


@pytest.mark.parametrize("data", [PLAIN, LARGE, OFFERING])
def test_whoever_is_turned_away_hears_so_after_the_head_and_what_still_comes_is_discarded(
    data: bytes,
) -> None:
    """As with a body that is too large: an answer, the end of our side, and a while to read it."""
    caller = distressed()
    caller.sends(head_of(data))
    assert caller.statuses() == [503]
    assert b"Retry-After: 1\r\n" in caller.received()
    assert b"Connection: close\r\n" in caller.received()
    assert caller.transport.ended
    caller.sends(data[len(head_of(data)) :])
    caller.sends(GET)
    assert caller.service.servings == []
    assert caller.statuses() == [503]
    assert caller.service.faults == [503]


@pytest.mark.parametrize("data", [PLAIN, LARGE, OFFERING])
def test_whoever_is_not_is_served_once_the_body_is_there(data: bytes) -> None:
    """The head is looked at once."""
    caller = distressed(turned_away=None)
    for place in range(len(data)):
        caller.sends(data[place : place + 1])
    assert [each.message.body for each in caller.service.servings] == [BODY]
    assert len(caller.service.screened) == 1


@pytest.mark.parametrize("data", [PLAIN, LARGE, OFFERING])
def test_while_all_is_well_no_head_is_looked_at(data: bytes) -> None:
    """One comparison is what it costs then."""
    caller = Caller()
    caller.service.turned_away = OVERLOADED
    caller.sends(head_of(data))
    caller.sends(data[len(head_of(data)) :])
    assert len(caller.service.servings) == 1
    assert caller.service.screened == []


def test_a_plain_request_that_is_there_at_once_is_the_pipelines() -> None:
    """Its body is read already: nothing is saved by another look at its head."""
    caller = distressed()
    caller.sends(post(b"{}"))
    assert len(caller.service.servings) == 1


def test_a_body_that_is_not_wanted_is_not_held() -> None:
    """What had come of it is let go of, too."""
    caller = distressed()
    caller.sends(PLAIN[:-1])
    message = caller.service.screened[0]
    assert message.body == b""
    assert message.missing == 0


def test_who_asks_before_sending_the_body_is_not_invited_to() -> None:
    """`Expect: 100-continue` is made for this."""
    caller = distressed()
    caller.sends(head_of(post(BODY, b"Expect: 100-continue")))
    assert caller.statuses() == [503]


def test_a_head_that_is_wrong_is_refused_for_that() -> None:
    """Its own fault is told, which a second try would not mend."""
    caller = distressed()
    caller.sends(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
    assert caller.statuses() == [400]
    assert caller.service.screened == []


def test_one_that_waits_for_its_turn_is_looked_at_when_it_comes() -> None:
    """Answers go out in order."""
    caller = distressed()
    caller.service.distressed = False
    caller.sends(GET)
    caller.sends(head_of(PLAIN))
    caller.service.distressed = True
    caller.service.servings[0].answer()
    assert caller.statuses() == [200, 503]
