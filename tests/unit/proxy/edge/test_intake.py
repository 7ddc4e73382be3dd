"""What a message asks for: by its path and the fields that are the proxy's."""

import math

import pytest

from proxy.edge.intake import About, Intake, OfTicket, request_id
from proxy.edge.limits import EdgeLimits
from proxy.edge.message import Message
from proxy.messages import Answer, Fallback, Request


def message(method: str, target: str, *fields: tuple[str, str], body: bytes = b"") -> Message:
    made = Message(EdgeLimits(), 10.0)
    made.add_target(target.encode())
    for name, value in fields:
        made.add_header(name.encode(), value.encode())
    made.end_head(method.encode(), keep_alive=True)
    made.add_body(body)
    return made


def infer(*fields: tuple[str, str], target: str = "/v2/models/m/infer") -> Request:
    wish = Intake().read_wish(message("POST", target, *fields, body=b"{}"), "id")
    assert isinstance(wish, Request), wish
    assert wish.method == b"POST"
    return wish


def refusal(*fields: tuple[str, str], method: str = "POST", target: str = "/v2/models/m/infer") -> Answer:
    wish = Intake().read_wish(message(method, target, *fields), "id")
    assert isinstance(wish, Answer), wish
    return wish


@pytest.mark.parametrize(
    ("target", "model", "version"),
    [
        ("/v2/models/m/infer", "m", ""),
        ("/v2/models/m/versions/3/infer", "m", "3"),
        ("/v2/models/image-risk/infer?a=b", "image-risk", ""),
        ("/v2/models/%E5%9B%BE/infer", "图", ""),
    ],
)
def test_an_inference_names_its_model_and_keeps_its_target(target: str, model: str, version: str) -> None:
    """The target is forwarded as it came; the name is for labelers."""
    request = infer(target=target)
    assert (request.model, request.version, request.target) == (model, version, target.encode())


@pytest.mark.parametrize("target", ["/v2/models/m", "/v2/models/m/ready", "/v2/models/m/versions/1/ready"])
def test_questions_about_a_model_are_asked_of_its_servers(target: str) -> None:
    """They carry no payload to label."""
    wish = Intake().read_wish(message("GET", target), "id")
    assert isinstance(wish, Request)
    assert wish.method == b"GET"


@pytest.mark.parametrize(
    ("target", "what"),
    [("/v2", ""), ("/v2/", ""), ("/v2/health/live", "live"), ("/v2/health/ready?x=1", "ready")],
)
def test_questions_about_the_proxy_are_its_own(target: str, what: str) -> None:
    """As of any server of the protocol."""
    assert Intake().read_wish(message("GET", target), "id") == About(what)


def test_tickets_are_looked_up_and_cancelled() -> None:
    """By their id."""
    assert Intake().read_wish(message("GET", "/v1/tickets/abc_-1"), "id") == OfTicket("abc_-1", cancel=False)
    assert Intake().read_wish(message("DELETE", "/v1/tickets/abc"), "id") == OfTicket("abc", cancel=True)


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/v2/models/m/infer", 405),
        ("POST", "/v2/models/m", 405),
        ("POST", "/v2", 405),
        ("PUT", "/v1/tickets/a", 405),
        ("GET", "/", 404),
        ("POST", "/v2/models//infer", 404),
        ("GET", "/v1/tickets/", 404),
        ("GET", "/v1/tickets/a.b", 404),
    ],
)
def test_what_is_not_there_is_said(method: str, target: str, status: int) -> None:
    """With the way that there is."""
    answer = refusal(method=method, target=target)
    assert answer.status == status
    assert (b"Allow" in dict(answer.headers)) == (status == 405)


@pytest.mark.parametrize(
    ("value", "seconds"), [("100", 0.1), ("0.5", 0.0005), ("1e3", 1.0), (" 20 ".strip(), 0.02)]
)
def test_a_deadline_is_milliseconds(value: str, seconds: float) -> None:
    """As the table's are."""
    assert infer(("Penstock-Deadline-Ms", value)).deadline_s == pytest.approx(seconds)


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "soon", "", "1e400"])
def test_a_deadline_that_is_none_is_refused(value: str) -> None:
    """Ignoring it would break the caller's promise to its own caller."""
    assert refusal(("Penstock-Deadline-Ms", value)).status == 400


@pytest.mark.parametrize(
    ("fields", "fallback"),
    [
        ((), Fallback.QUEUE),
        ((("Penstock-Fallback", "none"),), Fallback.NONE),
        ((("Penstock-Fallback", "Queue"),), Fallback.QUEUE),
        ((("Prefer", "respond-async"),), Fallback.AT_ONCE),
        ((("Prefer", "wait=10, Respond-Async"),), Fallback.AT_ONCE),
        ((("Prefer", "return=minimal"),), Fallback.QUEUE),
    ],
)
def test_what_the_caller_wants_at_the_end_is_read(
    fields: tuple[tuple[str, str], ...], fallback: Fallback
) -> None:
    """A ticket, none, or one at once."""
    assert infer(*fields).fallback is fallback


def test_an_unknown_fallback_is_refused() -> None:
    """Guessing could lose a request, or keep one that should not be kept."""
    assert refusal(("Penstock-Fallback", "maybe")).status == 400


def test_a_key_that_is_too_long_is_refused() -> None:
    """It is stored."""
    assert infer(("Idempotency-Key", "k" * 255)).idempotency_key == "k" * 255
    assert refusal(("Idempotency-Key", "k" * 256)).status == 400


def test_only_end_to_end_fields_are_forwarded() -> None:
    """Fields of the connection, and those that speak to the proxy, end here."""
    request = infer(
        ("Host", "a"),
        ("Connection", "keep-alive"),
        ("Penstock-Fallback", "none"),
        ("X-Request-Id", "x"),
        ("traceparent", "00-1"),
        ("Inference-Header-Content-Length", "2"),
    )
    assert request.headers == ((b"traceparent", b"00-1"), (b"Inference-Header-Content-Length", b"2"))


def test_a_name_that_is_not_utf8_is_refused() -> None:
    """It could not be logged, nor matched."""
    assert refusal(target="/v2/models/%FF/infer").status == 400


@pytest.mark.parametrize(
    ("given", "kept"), [("abc-1", True), ("", False), ("a" * 129, False), ("with space", False), ("é", False)]
)
def test_a_usable_request_id_is_kept_and_another_replaced(given: str, kept: bool) -> None:
    """It goes into logs and header fields."""
    made = message("POST", "/v2/models/m/infer", ("X-Request-Id", given))
    assert request_id(made) == (given if kept else "")


def test_no_deadline_is_none() -> None:
    """And not infinity, which would be sent on."""
    assert infer().deadline_s is None
    assert not math.isnan(infer().arrived_s)


@pytest.mark.parametrize(
    "target",
    [
        "/v2/models/../infer",
        "/v2/models/%2e%2E/infer",
        "/v2/models/./infer",
        "/v2/models/m/versions/../infer",
        "/v2/models/open%2f..%2fclosed/infer",
        "/v2/models/m%2fversions%2f2/infer",
        "/v2/models/m%5c..%5cn/infer",
        "/v2/models/m%0d%0aX:%201/infer",
        "/v2/models/m%00/infer",
        "/v2/models/m/versions/1%2f..%2f2/infer",
    ],
)
def test_a_name_that_a_model_server_might_read_as_another_path_is_refused(target: str) -> None:
    """It would be labelled and limited as one model, and answered by another."""
    assert refusal(target=target).status == 400


@pytest.mark.parametrize("target", ["/v2/models/m#n/infer", "/v2/models/m/infer#x", "/v2/models/m/infer?a#x"])
def test_a_fragment_is_no_part_of_a_target(target: str) -> None:
    """A model server would cut it off, and with it the rest of the path."""
    assert refusal(target=target).status == 404


@pytest.mark.parametrize(
    "target", ["/v2/models/m..n/infer", "/v2/models/.../infer", "/v2/models/%252f/infer"]
)
def test_dots_and_percent_signs_within_a_name_are_its_own(target: str) -> None:
    """Only what is a step in a path is suspicious."""
    assert infer(target=target).target == target.encode()


def test_a_list_in_two_fields_is_one_list() -> None:
    """RFC 9110, section 5.3."""
    assert infer(("Prefer", "respond-async"), ("Prefer", "wait=10")).fallback is Fallback.AT_ONCE


@pytest.mark.parametrize("field", [("Penstock-Deadline-Ms", "100"), ("Penstock-Fallback", "none")])
def test_one_value_in_two_fields_is_refused(field: tuple[str, str]) -> None:
    """Which of the two counts would be anybody's guess."""
    assert refusal(field, field).status == 400
