"""From a `Reply` to the bytes of an HTTP answer: pure."""

from http import HTTPStatus

from proxy.messages import Answer, Attempt, Reply

_PHRASES = {status.value: status.phrase for status in HTTPStatus}
_STATUS_LINES = {
    status: b"HTTP/1.1 %d %b\r\n" % (status, _PHRASES.get(status, "Status").encode())
    for status in range(200, 600)
}


def encode_reply(
    reply: Reply, request_id: str, total_s: float, *, keep_alive: bool, head_only: bool
) -> bytes:
    """The whole answer with the proxy's fields. `total_s` is the time since the request arrived."""
    fields = [b"X-Request-Id: %b\r\n" % request_id.encode()]
    if reply.generation:
        fields.append(b"Penstock-Table: %d\r\n" % reply.generation)
    if reply.labels:
        fields.append(b"Penstock-Labels: %b\r\n" % ", ".join(reply.labels).encode())
    if reply.application:
        fields.append(b"Penstock-Application: %b\r\n" % reply.application.encode())
    if reply.tier is not None:
        fields.append(b"Penstock-Tier: %d\r\n" % reply.tier)
    called_s = 0.0
    if reply.attempts:
        fields.append(b"Penstock-Attempts: %b\r\n" % ", ".join(map(_attempt, reply.attempts)).encode())
        called_s = sum(attempt.elapsed_s for attempt in reply.attempts)
    if reply.retry_after_s is not None:
        fields.append(b"Retry-After: %d\r\n" % max(1, round(reply.retry_after_s)))
    fields.append(
        b"Server-Timing: penstock;dur=%.3f, application;dur=%.3f\r\n"
        % (max(0.0, total_s - called_s) * 1000, called_s * 1000)
    )
    return encode_answer(reply.answer, fields, keep_alive=keep_alive, head_only=head_only)


def encode_answer(answer: Answer, fields: list[bytes], *, keep_alive: bool, head_only: bool = False) -> bytes:
    """An answer with further, ready-made field lines."""
    lines = [_STATUS_LINES[answer.status]]
    for name, value in answer.headers:
        lines.append(b"%b: %b\r\n" % (name, value))
    lines += fields
    if answer.status not in (204, 304):
        lines.append(b"Content-Length: %d\r\n" % len(answer.body))
    lines.append(b"\r\n" if keep_alive else b"Connection: close\r\n\r\n")
    if not head_only:
        lines.append(answer.body)
    return b"".join(lines)


def _attempt(attempt: Attempt) -> str:
    return (
        f"{attempt.application};tier={attempt.tier};outcome={attempt.outcome.value};"
        f"ms={attempt.elapsed_s * 1000:.1f}"
    )
