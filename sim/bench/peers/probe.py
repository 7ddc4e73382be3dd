"""Before a peer is measured: whether it answers 200, through the right upstreams, in the right shares.

A benchmark of a proxy that answers 503, or sends everything to one upstream, measures nothing.
"""

import http.client
import json
import socket
import ssl
from collections import Counter
from contextlib import closing

from sim.bench.peers import payload
from sim.bench.peers.upstream import WEIGHTS

PROBES = 240
PROBES_FAILING = 12
SHARE_TOLERANCE = 0.12
"""Of 240 draws with probability 1/6, five standard deviations."""

NEXT_TIER = "c"
LATE_SHARE_MAX = 0.02
"""On a machine that is busy with other things a call now and then is late, and rightly falls through."""

ANSWER_S_MAX = 5.0


class ProbeFailed(Exception):
    """A peer does not do what it is measured for."""


def probe(port: int, *, proxy: bool, falls: bool, tls_port: int | None, labels: bool = False) -> None:
    """Raises ProbeFailed.

    `proxy`: there is a draw to be made; `falls`: it can fall through; `labels`: it says that it reads them.
    """
    if proxy:
        check_shares(ask(port, payload.small_requests(), PROBES))
    else:
        check_only(ask(port, payload.small_requests(), PROBES), "a")
    for size_bytes in (100_000, 1_000_000):
        check_within(ask(port, payload.tensor_requests(size_bytes), 3), WEIGHTS)
    if falls:
        check_only(ask(port, payload.failing_requests(), PROBES_FAILING), "c")
    if labels:
        check_refused(port, payload.unknown_requests()[0])
    if tls_port is not None:
        check_within(ask(tls_port, payload.small_requests(), 3, tls=True), WEIGHTS)


def ask(port: int, requests: list[bytes], count: int, *, tls: bool = False) -> Counter[str]:
    """Who answered how often, over one connection. Raises ProbeFailed for anything but 200."""
    found: Counter[str] = Counter()
    try:
        with closing(_connect(port, tls=tls)) as connection:
            for number in range(count):
                connection.sendall(requests[number % len(requests)])
                status, body = _answer(connection)
                if status != 200:
                    raise ProbeFailed(f"status {status}: {body[:200].decode(errors='replace')}")
                found[str(json.loads(body)["model_name"])] += 1
    except (OSError, http.client.HTTPException) as error:
        how = "over TLS" if tls else "over plain HTTP"
        raise ProbeFailed(f"{how}, after {found.total()} answers: {error!r}") from error
    return found


def check_shares(found: Counter[str]) -> None:
    """Raises ProbeFailed unless tier 0 answered nearly all, by its weights."""
    check_within(found, {**WEIGHTS, NEXT_TIER: 0})
    if found[NEXT_TIER] > LATE_SHARE_MAX * found.total():
        raise ProbeFailed(f"tier 0 is well, the answers came as {dict(found)}")
    total = sum(WEIGHTS.values())
    for letter, weight in WEIGHTS.items():
        if abs(found[letter] / found.total() - weight / total) > SHARE_TOLERANCE:
            raise ProbeFailed(f"the weights are {WEIGHTS}, the answers came as {dict(found)}")


def check_refused(port: int, request: bytes) -> None:
    """Raises ProbeFailed when the request is served: a label that nobody knows was not looked at."""
    try:
        with closing(_connect(port, tls=False)) as connection:
            connection.sendall(request)
            status, _ = _answer(connection)
    except (OSError, http.client.HTTPException) as error:
        raise ProbeFailed(f"asked with an unknown label: {error!r}") from error
    if status < 400:
        raise ProbeFailed(f"an unknown label was answered {status}: the label is not read")


def check_within(found: Counter[str], letters: dict[str, int]) -> None:
    """Raises ProbeFailed when somebody else answered."""
    if not set(found) <= set(letters):
        raise ProbeFailed(f"only {', '.join(letters)} should answer, the answers came as {dict(found)}")


def check_only(found: Counter[str], letter: str) -> None:
    """Raises ProbeFailed unless one upstream answered all."""
    check_within(found, {letter: 1})


def _connect(port: int, *, tls: bool) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=ANSWER_S_MAX)
    if not tls:
        return connection
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # our own certificate, made a minute ago, on loopback
    return context.wrap_socket(connection)


def _answer(connection: socket.socket) -> tuple[int, bytes]:
    answer = http.client.HTTPResponse(connection, method="POST")
    answer.begin()
    return answer.status, answer.read()
