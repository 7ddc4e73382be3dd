"""The probe: a peer that does not do the job is not measured."""

import http.server
import socketserver
import threading
from collections import Counter
from collections.abc import Iterator
from itertools import cycle

import pytest

from sim.bench.peers.payload import HEALTHY, LARGE, small_requests, unknown_requests
from sim.bench.peers.probe import PROBES, ProbeFailed, ask, check_only, check_refused, check_shares, probe


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers with the server's next status and name."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "Upstream"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append(self.path.split("/")[3])
        status, name = next(self.server.answers)
        body = b'{"model_name":"%b"}' % name.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments) -> None:
        """Say nothing."""


class Upstream(socketserver.ThreadingTCPServer):
    daemon_threads = True
    answers: Iterator[tuple[int, str]]
    seen: list[str]


@pytest.fixture
def serve():
    servers = []

    def start(*answers: tuple[int, str], seen: list[str] | None = None) -> int:
        server = Upstream(("127.0.0.1", 0), Handler)
        server.seen = [] if seen is None else seen
        server.answers = cycle(answers)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        servers.append((server, thread))
        return server.server_address[1]

    yield start
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join()


def test_answers_are_counted_by_who_gave_them(serve) -> None:
    """Over one connection, as a kept-alive caller would."""
    assert ask(serve((200, "a"), (200, "b"), (200, "b")), small_requests(), 9) == {"a": 3, "b": 6}


def test_anything_but_200_fails_the_probe_with_what_was_said(serve) -> None:
    """202 is a ticket, not an answer."""
    with pytest.raises(ProbeFailed, match=r"status 202: .*model_name"):
        ask(serve((200, "a"), (202, "a")), small_requests(), 9)


def test_a_peer_that_does_not_listen_fails_the_probe() -> None:
    """Port 9 is discard, and nobody's here."""
    with pytest.raises(ProbeFailed, match="plain HTTP, after 0 answers: ConnectionRefused"):
        ask(9, small_requests(), 1)


@pytest.mark.parametrize(
    "found", [{"a": 40, "b": 200}, {"a": 25, "b": 215}, {"a": 60, "b": 180}, {"a": 40, "b": 197, "c": 3}]
)
def test_shares_near_the_weights_pass(found) -> None:
    """Draws are random in some peers and in turn in others; a late one may rightly fall through."""
    check_shares(Counter(found))


@pytest.mark.parametrize(
    "found",
    [{"b": 240}, {"a": 240}, {"a": 120, "b": 120}, {"a": 40, "b": 190, "c": 10}, {"a": 40, "b": 199, "d": 1}],
)
def test_shares_that_ignore_the_weights_fail(found) -> None:
    """Neither all to one, nor equal parts, nor any of the next tier."""
    with pytest.raises(ProbeFailed, match="the answers came as"):
        check_shares(Counter(found))


def test_the_next_tier_alone_may_answer_where_the_first_one_fails() -> None:
    """Anything else is no fall-through."""
    check_only(Counter(c=12), "c")
    with pytest.raises(ProbeFailed):
        check_only(Counter(c=11, a=1), "c")


def test_a_proxy_that_sends_everything_to_one_upstream_fails(serve) -> None:
    """The whole probe, against a peer without weights."""
    with pytest.raises(ProbeFailed, match="the weights are"):
        probe(serve((200, "a")), proxy=True, falls=False, tls_port=None)


def test_the_upstream_itself_passes_as_direct(serve) -> None:
    """There is no draw to be made, and every kind of request is asked."""
    kinds: list[str] = []
    port = serve((200, "a"), seen=kinds)
    probe(port, proxy=False, falls=False, tls_port=None)
    assert Counter(kinds) == {HEALTHY: PROBES, LARGE: 6}


def test_a_peer_that_claims_to_fall_through_and_does_not_fails(serve) -> None:
    """It would be measured for half of the work."""
    port = serve((200, "a"))
    with pytest.raises(ProbeFailed, match="only c"):
        probe(port, proxy=False, falls=True, tls_port=None)


@pytest.mark.parametrize("status", [404, 503])
def test_a_peer_that_does_not_serve_an_unknown_label_has_read_it(serve, status) -> None:
    """Each refuses in its own way."""
    kinds: list[str] = []
    check_refused(serve((status, "a"), seen=kinds), unknown_requests()[0])
    assert kinds == [HEALTHY]


def test_a_peer_that_serves_an_unknown_label_though_it_says_that_it_reads_labels_fails(serve) -> None:
    """Its figures would be those of a relay."""
    with pytest.raises(ProbeFailed, match="the label is not read"):
        probe(serve((200, "a")), proxy=False, falls=False, tls_port=None, labels=True)
