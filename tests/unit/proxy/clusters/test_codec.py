"""The bytes that a model server gets."""

from proxy.clusters.codec import encode_head
from proxy.messages import Request, Target


def encode(request: Request, **target: object) -> bytes:
    return encode_head(request, Target(url="http://h:1", **target), b"h:1", b"/base", 0.1) + request.body  # type: ignore[arg-type]


REQUEST = Request(
    id="id-1",
    method=b"POST",
    target=b"/v2/models/m/versions/3/infer?x=1",
    model="m",
    version="3",
    headers=((b"Content-Type", b"application/json"), (b"Inference-Header-Content-Length", b"2")),
    body=b"{}\x00\xff",
)


def test_body_and_end_to_end_fields_pass_untouched() -> None:
    """Tensors are opaque; the binary extension lives in a header field."""
    head, _, body = encode(REQUEST).partition(b"\r\n\r\n")
    assert body == b"{}\x00\xff"
    assert head.split(b"\r\n") == [
        b"POST /base/v2/models/m/versions/3/infer?x=1 HTTP/1.1",
        b"Host: h:1",
        b"X-Request-Id: id-1",
        b"Penstock-Deadline-Ms: 100",
        b"Content-Type: application/json",
        b"Inference-Header-Content-Length: 2",
        b"Content-Length: 4",
    ]


def test_a_model_server_is_told_how_critical_a_request_is() -> None:
    """So that it serves the critical first; a question has no class and tells nothing."""
    told = encode_head(REQUEST, Target(url="http://h:1"), b"h:1", b"", 0.1, 3)
    assert b"\r\nPenstock-Deadline-Ms: 100\r\nPenstock-Rank: 3\r\n" in told
    assert b"Rank" not in encode(REQUEST)


def test_an_applications_own_name_for_the_model_replaces_the_callers() -> None:
    """One model may be served under several names; the rest of the target stays."""
    message = encode(REQUEST, model="image-risk")
    assert message.startswith(b"POST /base/v2/models/image-risk/versions/3/infer?x=1 HTTP/1.1\r\n")


def test_an_applications_credentials_are_added() -> None:
    """They come from the table, never from the caller."""
    message = encode(REQUEST, headers=((b"Authorization", b"token"),))
    assert b"\r\nAuthorization: token\r\n" in message


def test_a_field_of_the_table_takes_the_place_of_the_callers() -> None:
    """Two Authorization fields would leave it to the model server which one counts."""
    request = Request(
        id="r", method=b"POST", target=b"/", headers=((b"authorization", b"theirs"), (b"x", b"1"))
    )
    message = encode(request, headers=((b"Authorization", b"ours"),))
    assert b"theirs" not in message
    assert b"\r\nx: 1\r\n" in message
    assert message.count(b"uthorization") == 1


def test_a_question_carries_no_length() -> None:
    """GET has no body."""
    message = encode(Request(id="r", method=b"GET", target=b"/v2/models/m"))
    assert b"Content-Length" not in message
