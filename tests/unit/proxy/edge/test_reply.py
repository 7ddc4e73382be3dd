"""The bytes of an answer."""

from proxy.edge.reply import encode_answer, encode_reply
from proxy.edge.ticketing import cancel_answer, ticket_answer
from proxy.messages import Answer, Attempt, Outcome, Reply, Verdict, called_s
from proxy.tickets import Ticket, TicketStatus


def lines(data: bytes) -> list[str]:
    return data.partition(b"\r\n\r\n")[0].decode().split("\r\n")


SERVED = Reply(
    verdict=Verdict.SERVED,
    answer=Answer(status=200, headers=((b"Content-Type", b"application/json"),), body=b"{}"),
    labels=("1125", "new"),
    class_name="default",
    application="2",
    tier=1,
    attempts=(
        Attempt(application="4", tier=0, outcome=Outcome.TIMEOUT, elapsed_s=0.1002, began_s=5.0),
        Attempt(application="2", tier=1, outcome=Outcome.OK, elapsed_s=0.0129, began_s=5.2),
    ),
    generation=7,
)


def test_a_reply_says_where_the_request_went() -> None:
    """Field by field, as the contract has them."""
    assert lines(encode_reply(SERVED, "id-1", 0.115, keep_alive=True, head_only=False)) == [
        "HTTP/1.1 200 OK",
        "Content-Type: application/json",
        "X-Request-Id: id-1",
        "Penstock-Table: 7",
        "Penstock-Labels: 1125, new",
        "Penstock-Application: 2",
        "Penstock-Tier: 1",
        "Penstock-Attempts: 4;tier=0;outcome=timeout;ms=100.2, 2;tier=1;outcome=ok;ms=12.9",
        "Server-Timing: penstock;dur=1.900, application;dur=113.100",
        "Content-Length: 2",
    ]


def test_an_exhausted_reply_says_when_to_come_back() -> None:
    """Retry-After in whole seconds, at least one."""
    reply = Reply(verdict=Verdict.EXHAUSTED, answer=Answer(status=503), retry_after_s=0.2)
    assert "Retry-After: 1" in lines(encode_reply(reply, "i", 0.0, keep_alive=True, head_only=False))


def test_a_reply_says_who_was_not_called_and_why() -> None:
    """Each reason once, and not without end: a tier may have thousands of rows."""
    passed = (("1", "concurrency"), ("2", "breaker"), ("1", "concurrency"))
    reply = Reply(verdict=Verdict.SERVED, answer=Answer(status=200), passed_over=passed)
    told = lines(encode_reply(reply, "i", 0.0, keep_alive=True, head_only=False))
    assert "Penstock-Passed-Over: 1;reason=concurrency, 2;reason=breaker" in told
    many = tuple((str(number), "drained") for number in range(1000))
    reply = Reply(verdict=Verdict.SERVED, answer=Answer(status=200), passed_over=many)
    assert len(encode_reply(reply, "i", 0.0, keep_alive=True, head_only=False)) < 1000


def test_an_answer_to_head_has_the_length_and_no_body() -> None:
    """As GET would have had."""
    data = encode_answer(Answer(status=200, body=b"body"), b"", keep_alive=True, head_only=True)
    assert data.endswith(b"Content-Length: 4\r\n\r\n")


def test_no_content_has_no_length() -> None:
    """RFC 9110, section 8.6."""
    assert b"Content-Length" not in encode_answer(Answer(status=204), b"", keep_alive=True)


def test_an_unknown_status_still_has_a_status_line() -> None:
    """Model servers invent statuses."""
    assert encode_answer(Answer(status=450), b"", keep_alive=False).startswith(b"HTTP/1.1 450 Status\r\n")


def ticket(status: TicketStatus, answer: Answer | None = None, due_s: float = 105.0) -> Ticket:
    return Ticket(
        id="t",
        status=status,
        request_id="r",
        model="m",
        class_name="c",
        labels=("1",),
        created_s=90.0,
        due_s=due_s,
        ended_s=None,
        tries=2,
        reason="why",
        body_bytes=3,
        answer=answer,
    )


def test_a_pending_ticket_says_when_to_look_again() -> None:
    """Between one second and half a minute."""
    for due_s, said in ((105.0, b"5"), (0.0, b"1"), (1000.0, b"30")):
        answer = ticket_answer(ticket(TicketStatus.QUEUED, due_s=due_s), "t", 100.0)
        assert (answer.status, dict(answer.headers)[b"Retry-After"]) == (202, said)


def test_a_done_ticket_is_the_models_own_answer() -> None:
    """Also where it refused the input: that is the true answer."""
    for status in (200, 422):
        stored = Answer(status=status, headers=((b"X", b"y"),), body=b"b")
        assert ticket_answer(ticket(TicketStatus.DONE, stored), "t", 100.0) is stored


def test_a_ticket_that_ended_without_an_answer_is_gone_with_the_reason() -> None:
    """No verdict is invented."""
    for status in (TicketStatus.DEAD, TicketStatus.EXPIRED, TicketStatus.CANCELLED, TicketStatus.DONE):
        answer = ticket_answer(ticket(status), "t", 100.0)
        assert answer.status == 410
        assert (b"kept no longer" if status is TicketStatus.DONE else b"why") in answer.body


def test_cancelling_says_whether_it_did() -> None:
    """A ticket that has ended otherwise cannot be cancelled any more."""
    assert cancel_answer(ticket(TicketStatus.CANCELLED), "t", 100.0).status == 200
    assert cancel_answer(None, "t", 100.0).status == 404
    for status in (TicketStatus.DONE, TicketStatus.DEAD, TicketStatus.EXPIRED):
        answer = cancel_answer(ticket(status), "t", 100.0)
        assert (answer.status, status.value.encode() in answer.body) == (409, True)


def test_an_unknown_ticket_is_404() -> None:
    """Never given, or forgotten."""
    assert ticket_answer(None, "t", 100.0).status == 404


def test_two_calls_at_once_count_once() -> None:
    """The proxy's own time would come out too small, where a hedge raced, or even below nothing."""

    def attempt(began_s: float, ended_s: float) -> Attempt:
        return Attempt(
            application="a", tier=0, outcome=Outcome.OK, elapsed_s=ended_s - began_s, began_s=began_s
        )

    assert called_s(()) == 0.0
    assert called_s((attempt(1.0, 2.0),)) == 1.0
    assert called_s((attempt(1.0, 2.0), attempt(3.0, 5.0))) == 3.0
    assert called_s((attempt(1.0, 3.0), attempt(2.0, 3.0))) == 2.0
    assert called_s((attempt(2.0, 3.0), attempt(1.0, 3.0))) == 2.0
    assert called_s((attempt(2.0, 3.0), attempt(1.0, 4.0), attempt(5.0, 6.0))) == 4.0
