"""The bytes of a stub's answers, as the Open Inference Protocol has them. Pure."""

import http

import msgspec

from sim.stubs.received import Received

HEAD_LENGTH = "inference-header-content-length"
_JSON = "application/json"


class _Identified(msgspec.Struct):
    id: str = ""


_identify = msgspec.json.Decoder(_Identified).decode


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer; how much of it is sent, and how, is another's business."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()

    def head(self, *, length: int | None = None, framing: str = "") -> bytes:
        """Status line and fields. `length` stands in for the true Content-Length, `framing` for its line."""
        framed = framing or f"Content-Length: {len(self.body) if length is None else length}\r\n"
        fields = "".join(f"{name}: {value}\r\n" for name, value in self.headers)
        return f"HTTP/1.1 {self.status} {_reason(self.status)}\r\n{fields}{framed}\r\n".encode("latin-1")

    def encode(self) -> bytes:
        """All of it."""
        return self.head() + self.body


def serve(name: str, request: Received) -> Answer:
    """What a healthy server called `name` answers: inference, metadata, liveness and readiness."""
    path = request.target.split("?")[0].rstrip("/")
    if request.method == "POST" and path.endswith("/infer") and request.model:
        return _json(request, _inference(name, request))
    if request.method == "GET" and path == "/v2":
        return _json(request, {"name": name, "version": "1", "extensions": ["binary_tensor_data"]})
    if request.method == "GET" and path in ("/v2/health/live", "/v2/health/ready"):
        return _json(request, {})
    if request.method == "GET" and request.model:
        return _json(request, {} if path.endswith("/ready") else _metadata(request))
    return refusal(request, 404, f"a stub has no {request.method} {path}")


def refusal(request: Received, status: int, message: str, *headers: tuple[str, str]) -> Answer:
    """An error in the protocol's form."""
    return _json(request, {"error": message}, *headers, status=status)


def echo(request: Received) -> Answer:
    """The body as it came, and the fields that say how to read it."""
    passed = ("content-type", HEAD_LENGTH)
    fields = tuple((name, request.headers[name]) for name in passed if name in request.headers)
    return Answer(status=200, body=request.body, headers=(*fields, *_id_field(request)))


def _json(request: Received, value: object, *headers: tuple[str, str], status: int = 200) -> Answer:
    fields = (("Content-Type", _JSON), *headers, *_id_field(request))
    return Answer(status=status, body=msgspec.json.encode(value), headers=fields)


def _id_field(request: Received) -> tuple[tuple[str, str], ...]:
    request_id = request.headers.get("x-request-id")
    return (("X-Request-Id", request_id),) if request_id is not None else ()


def _inference(name: str, request: Received) -> dict[str, object]:
    answer: dict[str, object] = {"model_name": request.model, "model_version": "1"}
    if request_id := _id_of(request):
        answer["id"] = request_id
    answer["outputs"] = [{"name": "stub", "shape": [1], "datatype": "BYTES", "data": [name]}]
    return answer


def _id_of(request: Received) -> str:
    """The `id` of the request's JSON; empty where it has none or is not JSON."""
    length = request.headers.get(HEAD_LENGTH, "")
    text = request.body[: int(length)] if length.isdecimal() else request.body
    try:
        return _identify(text).id
    except msgspec.MsgspecError:
        return ""


def _metadata(request: Received) -> dict[str, object]:
    output = {"name": "stub", "datatype": "BYTES", "shape": [1]}
    return {"name": request.model, "versions": ["1"], "platform": "stub", "inputs": [], "outputs": [output]}


def _reason(status: int) -> str:
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:  # 450 and its like have no phrase of their own
        return "Status"
