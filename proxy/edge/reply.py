"""From a `Reply` to the bytes of an HTTP answer: pure."""

from http import HTTPStatus

from labelers.fields import block_of
from proxy.heads import write_answer_head, write_attempt
from proxy.messages import Answer, Reply, called_s

_PHRASES = {status.value: status.phrase for status in HTTPStatus}
_STATUS_LINES = {
    status: b"HTTP/1.1 %d %b\r\n" % (status, _PHRASES.get(status, "Status").encode())
    for status in range(200, 600)
}
_BODILESS = (204, 304)

PASSED_OVER_MAX = 20
"""Applications that `Penstock-Passed-Over` names."""


def encode_reply(
    reply: Reply, request_id: str, total_s: float, *, keep_alive: bool, head_only: bool
) -> bytes:
    """The whole answer with the proxy's fields. `total_s` is the time since the request arrived."""
    answer, attempts = reply.answer, b""
    for attempt in reply.attempts:
        each = write_attempt(attempt.application, attempt.tier, attempt.outcome, attempt.elapsed_s)
        attempts = attempts + b", " + each if attempts else each
    upstream_s = called_s(reply.attempts)
    further = block_of(answer.headers) if answer.headers else b""
    if reply.passed_over:
        further += _passed_over(reply)
    if reply.retry_after_s is not None:
        further += b"Retry-After: %d\r\n" % max(1, round(reply.retry_after_s))
    status, body = answer.status, answer.body
    head = write_answer_head(
        _STATUS_LINES[status],
        answer.block,
        request_id,
        reply.generation,
        reply.labels,
        reply.application,
        -1 if reply.tier is None else reply.tier,
        attempts,
        further,
        max(0.0, total_s - upstream_s),
        upstream_s,
        -1 if status in _BODILESS else len(body),
        keep_alive,
    )
    return head if head_only else head + body


def _passed_over(reply: Reply) -> bytes:
    """Who was not called for it, and why: each pair once, and a bounded number of them."""
    pairs = list(dict.fromkeys(reply.passed_over))
    told = [f"{application};reason={reason}" for application, reason in pairs[:PASSED_OVER_MAX]]
    return f"Penstock-Passed-Over: {', '.join(told)}\r\n".encode()


def encode_answer(answer: Answer, fields: bytes, *, keep_alive: bool, head_only: bool = False) -> bytes:
    """An answer without a reply's fields; `fields` are more lines, each with its end (`b""`: none)."""
    status, body = answer.status, answer.body
    parts = [_STATUS_LINES[status], answer.block, block_of(answer.headers), fields]
    if status not in _BODILESS:
        parts.append(b"Content-Length: %d\r\n" % len(body))
    parts.append(b"\r\n" if keep_alive else b"Connection: close\r\n\r\n")
    if not head_only:
        parts.append(body)
    return b"".join(parts)
