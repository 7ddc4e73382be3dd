"""Heads as the proxy writes them: of a call to a model server, and of an answer to a caller. Pure.

Its twin in Cython writes the same bytes; a test compares the two.
"""

from collections.abc import Sequence


def write_request_head(
    method: bytes,
    path: bytes,
    host: bytes,
    request_id: str,
    left_ms: int,
    rank: int,
    block: bytes,
    length: int,
) -> bytes:
    """The head of a call.

    `left_ms` is what is left of the budget, `rank` the criticality, `length` the body's; -1 for none.
    """
    critical = b"" if rank < 0 else b"Penstock-Rank: %d\r\n" % rank
    framing = b"" if length < 0 else b"Content-Length: %d\r\n" % length
    return b"%b %b HTTP/1.1\r\nHost: %b\r\nX-Request-Id: %b\r\nPenstock-Deadline-Ms: %d\r\n%b%b%b\r\n" % (
        *(method, path, host, request_id.encode(), left_ms, critical, block, framing),
    )


def write_attempt(application: str, tier: int, outcome: str, elapsed_s: float) -> bytes:
    """One attempt, as `Penstock-Attempts` lists it."""
    tenths = int(elapsed_s * 10_000 + 0.5)
    return f"{application};tier={tier};outcome={outcome};ms={tenths // 10}.{tenths % 10}".encode()


def write_answer_head(
    start: bytes,
    block: bytes,
    request_id: str,
    generation: int,
    labels: Sequence[str],
    application: str,
    tier: int,
    attempts: bytes,
    further: bytes,
    rest_s: float,
    called_s: float,
    length: int,
    keep_alive: bool,
) -> bytes:
    """The head of an answer with the proxy's fields.

    `start` is the status line with its end, `tier` -1 for none, `further` more lines, `length` the body's, -1
    for none; `rest_s` and `called_s` are the seconds in the proxy and in the calls.
    """
    lines = [f"X-Request-Id: {request_id}\r\n"]
    if generation:
        lines.append(f"Penstock-Table: {generation}\r\n")
    if labels:
        lines.append(f"Penstock-Labels: {', '.join(labels)}\r\n")
    if application:
        lines.append(f"Penstock-Application: {application}\r\n")
    if tier >= 0:
        lines.append(f"Penstock-Tier: {tier}\r\n")
    if attempts:
        lines.append(f"Penstock-Attempts: {attempts.decode()}\r\n")
    timing = f"penstock;dur={_thousandths(rest_s)}, application;dur={_thousandths(called_s)}"
    lines.append(f"Server-Timing: {timing}\r\n")
    if length >= 0:
        lines.append(f"Content-Length: {length}\r\n")
    lines.append("\r\n" if keep_alive else "Connection: close\r\n\r\n")
    return b"".join((start, block, further, "".join(lines).encode()))


def _thousandths(seconds: float) -> str:
    """Milliseconds with three decimals; formatting a float costs ten times as much."""
    micros = int(seconds * 1_000_000 + 0.5)
    return f"{micros // 1000}.{micros % 1000:03d}"
