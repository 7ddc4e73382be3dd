"""The judges of the fuzzer: each kind of fault is seen. A judge that cannot complain finds nothing."""

import msgspec
import pytest

from proxy.edge.limits import EdgeLimits
from proxy.edge.message import Message
from proxy.messages import Answer, Failure, Outcome
from sim.fuzz import callers, servers
from sim.fuzz.case import CLUSTERS, EDGE, Case, Fault
from sim.fuzz.clusters import Called
from sim.fuzz.edge import EdgeUnderTest, Heard, Passed
from sim.fuzz.judges import Judges
from sim.fuzz.passing import judge_passed, judge_rendering
from sim.fuzz.reference import read_answer
from sim.fuzz.weight import bytes_held

POST = b"POST /v2/models/m/infer HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
GET = b"GET /v2/models/m HTTP/1.1\r\nHost: a\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes"


def heard(data: bytes) -> Heard:
    return EdgeUnderTest().hear([data])


def judged(data: bytes, said: Heard, *, valid: bool = False) -> str:
    """As if a stream had come to what another did."""
    return callers.judge_against_h11(Case(end=EDGE, data=data, valid=valid), callers.Meaning(said))


def test_what_is_right_is_not_complained_of() -> None:
    """Or every complaint would be noise."""
    assert judged(POST + GET, heard(POST + GET), valid=True) == "the same"


@pytest.mark.parametrize(
    ("sent", "read_as"),
    [
        (POST, POST.replace(b"abc", b"abd")),
        (POST, POST.replace(b"/m/", b"/n/")),
        (POST, POST.replace(b"Host: a", b"Host: a\r\nX: y")),
        (POST + GET, POST),
        (POST, POST + GET),
        (POST + GET, GET + POST),
        (POST, b"rubbish\r\n\r\n"),
        (b"POST /v2/models/m/infer HTTP/1.1\r\nX : y\r\nHost: a\r\nContent-Length: 0\r\n\r\n", GET),
    ],
)
def test_reading_another_thing_than_h11_is_a_fault(sent: bytes, read_as: bytes) -> None:
    """A request more, one less, another body, another order, a refusal without need."""
    with pytest.raises(Fault):
        judged(sent, heard(read_as))


@pytest.mark.parametrize(
    "change",
    [
        {"unanswered": 1},
        {"bugs": ["an exception"]},
        {"ended": True},
        {"written": b""},
        {"written": heard(GET + POST).written},
        {"written": b"HTTP/1.1 200 OK\r\nX: y\r\n"},
        {"written": heard(b"rubbish\r\n\r\n").written + heard(GET).written, "ended": True},
        {"written": heard(GET).written.replace(b"request 0", b"request 1")},
        {"passed": [Passed(b"PUT", b"/v2", (), b"")]},
    ],
)
def test_answers_that_do_not_fit_their_requests_are_a_fault(change: dict[str, object]) -> None:
    """Too few, too many, cut short, after a refusal, of another request, or the connection just ended."""
    assert callers.Meaning(heard(GET)).asked()
    with pytest.raises(Fault):
        callers.Meaning(msgspec.structs.replace(heard(GET), **change))


@pytest.mark.parametrize("other", [GET, POST + GET, GET + POST + GET, POST + b"rubbish\r\n\r\n", b""])
def test_other_requests_where_the_cuts_are_others_are_a_fault(other: bytes) -> None:
    """The oracle that needs no second parser."""
    callers.judge_same(callers.Meaning(heard(POST)), callers.Meaning(heard(POST)))
    with pytest.raises(Fault):
        callers.judge_same(callers.Meaning(heard(POST)), callers.Meaning(heard(other)))


@pytest.mark.parametrize(
    "passed",
    [
        Passed(b"GET", b"v2", (), b""),
        Passed(b"GET", b"/a b", (), b""),
        Passed(b"GET", b"/", ((b"X ", b"a"),), b""),
        Passed(b"GET", b"/", ((b"X", b"a\r\nY: b"),), b""),
        Passed(b"GET", b"/", ((b"X", b"a "),), b""),
        Passed(b"GET", b"/", ((b"transfer-encoding", b"chunked"),), b""),
    ],
)
def test_what_a_model_server_could_take_for_another_message_is_a_fault(passed: Passed) -> None:
    """Smuggling needs no more than one byte too many in a field."""
    with pytest.raises(Fault):
        judge_passed(passed)


@pytest.mark.parametrize(
    "passed",
    [
        Passed(b"GET", b"/", (), b"a" * 201),
        Passed(b"GET", b"/" * 121, (), b""),
        Passed(b"GET", b"/", ((b"X", b"y"),) * 13, b""),
        Passed(b"GET", b"/", ((b"X", b"y" * 600),), b""),
    ],
)
def test_what_is_over_a_limit_and_was_passed_on_is_a_fault(passed: Passed) -> None:
    """A limit that only says so protects nobody."""
    callers.judge_limits(Passed(b"GET", b"/" * 120, ((b"X", b"y"),) * 12, b"a" * 200))
    with pytest.raises(Fault):
        callers.judge_limits(passed)


def test_a_request_that_h11_reads_otherwise_once_it_is_written_on_is_a_fault() -> None:
    """The last word has what really goes out."""
    judge_rendering(Passed(b"POST", b"/v2/models/m/infer", ((b"X", b"a"),), b"abc"))
    with pytest.raises(Fault):
        judge_rendering(Passed(b"GET", b"/v2/models/m", ((b"Content-Length", b"4"),), b"abc"))


def called(*results: Answer | Failure, **changes: object) -> Called:
    fields: dict[str, object] = {"released": [True, True, False], "reused": True, "unasked": False}
    second = [Answer(status=200, body=b"second")]
    return Called(results=list(results), **({"second": second} | fields | changes))  # type: ignore[arg-type]


YES = Answer(status=200, body=b"yes")
RESET = Failure(outcome=Outcome.RESET, cause="")


@pytest.mark.parametrize(
    "wrong",
    [
        called(),
        called(YES, YES),
        called(YES, released=[True, True, True, False]),
        called(YES, released=[True]),
        called(YES, unasked=True),
        called(YES, second=[]),
        called(YES, second=[YES]),
        called(YES, second=[RESET]),
        called(Answer(status=200, headers=((b"Connection", b"x"),), body=b"yes")),
    ],
)
def test_a_call_that_ends_twice_or_a_connection_reused_in_doubt_is_a_fault(wrong: Called) -> None:
    """The next call would get the answer of this one."""
    servers.judge_order(called(YES))
    with pytest.raises(Fault):
        servers.judge_order(wrong)


@pytest.mark.parametrize(
    ("sent", "read_as"),
    [
        (ANSWER, Answer(status=200, body=b"no")),
        (ANSWER, Answer(status=404, body=b"yes")),
        (ANSWER, Answer(status=200, headers=((b"X", b"y"),), body=b"yes")),
        (ANSWER, RESET),
        (ANSWER[:-1], YES),
        (ANSWER.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"), YES),
        (ANSWER + b"x", YES),
        (ANSWER.replace(b"Content-Length", b"Transfer-Encoding: gzip\r\nContent-Length"), YES),
    ],
)
def test_an_answer_that_h11_reads_otherwise_is_a_fault(sent: bytes, read_as: Answer | Failure) -> None:
    """Another body, half of it, a failure without need, or a connection that should have ended."""
    case = Case(end=CLUSTERS, data=sent)
    theirs = read_answer(sent, clean=True)
    assert servers.judge_against_h11(
        Case(end=CLUSTERS, data=ANSWER), called(YES), read_answer(ANSWER, clean=True)
    )
    with pytest.raises(Fault):
        servers.judge_against_h11(case, called(read_as), theirs)


def test_an_object_that_is_left_is_a_leak() -> None:
    """One a request is a gigabyte a day."""
    judges = Judges()
    assert not judges.leak()
    kept = Message(EdgeLimits(), 0.0)
    assert "Message" in judges.leak()
    del kept
    assert not judges.leak()


def test_bytes_are_weighed_wherever_a_connection_holds_them() -> None:
    """In lists of the proxy's objects too."""
    message = Message(EdgeLimits(), 0.0)
    before = bytes_held(message)
    message.headers.append((b"X", b"a" * 10_000))
    assert 10_000 < bytes_held(message) - before < 10_200
