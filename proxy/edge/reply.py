"""From a `Reply` to the bytes of an HTTP answer: pure."""

from http import HTTPStatus

from proxy.messages import Answer, Attempt, Reply

_PHRASES = {status.value: status.phrase for status in HTTPStatus}
_STATUS_LINES = {
    status: b"HTTP/1.1 %d %b" % (status, _PHRASES.get(status, "Status").encode())
    for status in range(200, 600)
}


def encode_reply(
    reply: Reply, request_id: str, total_s: float, *, keep_alive: bool, head_only: bool
) -> bytes:
    """The whole answer with the proxy's fields. `total_s` is the time since the request arrived."""
    fields = f"X-Request-Id: {request_id}"
    if reply.generation:
        fields += f"\r\nPenstock-Table: {reply.generation}"
    labels = reply.labels
    if labels:
        fields += f"\r\nPenstock-Labels: {labels[0] if len(labels) == 1 else ', '.join(labels)}"
    if reply.application:
        fields += f"\r\nPenstock-Application: {reply.application}"
    if reply.tier is not None:
        fields += f"\r\nPenstock-Tier: {reply.tier}"
    called_s = 0.0
    attempts = reply.attempts
    if attempts:
        fields += "\r\nPenstock-Attempts: " + _attempt(attempts[0])
        for attempt in attempts:
            called_s += attempt.elapsed_s
        for attempt in attempts[1:]:
            fields += ", " + _attempt(attempt)
    if reply.retry_after_s is not None:
        fields += f"\r\nRetry-After: {max(1, round(reply.retry_after_s))}"
    rest, called = _thousandths(max(0.0, total_s - called_s)), _thousandths(called_s)
    fields += f"\r\nServer-Timing: penstock;dur={rest}, application;dur={called}"
    return encode_answer(reply.answer, fields.encode(), keep_alive=keep_alive, head_only=head_only)


def encode_answer(answer: Answer, fields: bytes, *, keep_alive: bool, head_only: bool = False) -> bytes:
    """An answer with further field lines, ready-made and joined (`b""`: none)."""
    status, body = answer.status, answer.body
    lines = [_STATUS_LINES[status]]
    for name, value in answer.headers:
        lines.append(b"%b: %b" % (name, value))
    if fields:
        lines.append(fields)
    if status not in (204, 304):
        lines.append(b"Content-Length: %b" % str(len(body)).encode())
    if not keep_alive:
        lines.append(b"Connection: close")
    lines.append(b"")
    lines.append(b"" if head_only else body)
    return b"\r\n".join(lines)


def _attempt(attempt: Attempt) -> str:
    tenths = int(attempt.elapsed_s * 10_000 + 0.5)
    took = f"{tenths // 10}.{tenths % 10}"
    return f"{attempt.application};tier={attempt.tier};outcome={attempt.outcome};ms={took}"


def _thousandths(seconds: float) -> str:
    """Milliseconds with three decimals; formatting a float costs ten times as much."""
    micros = int(seconds * 1_000_000 + 0.5)
    return f"{micros // 1000}.{str(1000 + micros % 1000)[1:]}"
