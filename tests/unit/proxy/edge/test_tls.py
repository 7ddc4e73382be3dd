"""TLS between transport and connection, without a network: the caller's side is OpenSSL too."""

import asyncio
import ssl
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.certificate import CertificateFiles, context_of, read_certificate
from proxy.edge.tls import RECORD_BYTES, TlsLayer
from tests.stand_ins.certificates import NAME, caller_context, self_signed
from tests.stand_ins.transport import RecordingTransport
from tests.unit.proxy.edge.callers import GET, Caller, post


class Below(RecordingTransport):
    """The socket's transport."""

    def __init__(self) -> None:
        super().__init__()
        self.closed = False

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed or self.aborted


class Above(asyncio.Protocol):
    """A connection that records what it hears."""

    def __init__(self) -> None:
        self.transport: asyncio.BaseTransport | None = None
        self.heard = bytearray()
        self.pieces = 0
        self.left = self.lost = self.paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.heard += data
        self.pieces += 1

    def eof_received(self) -> None:
        self.left = True

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False


class Line:
    """A caller, the layer, and what is above it. `cut` is how many bytes arrive at a time."""

    def __init__(
        self, files: CertificateFiles, above: asyncio.Protocol, *, room: bool = True, cut: int = 1 << 30
    ) -> None:
        self.below = Below()
        self.undone: set[TlsLayer] = set()
        self.failures: list[str] = []
        self.cut = cut
        self.layer = TlsLayer(
            context_of(read_certificate(files)),
            above,
            admitted=lambda layer: room and not self.undone.add(layer),  # type: ignore[func-returns-value]
            shaken=self.undone.discard,
            failed=self.failures.append,
            began_s=100.0,
        )
        self._to_caller, self._from_caller = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.caller = caller_context(files.chain).wrap_bio(
            self._to_caller, self._from_caller, server_hostname=NAME
        )
        self._taken = 0
        self.layer.connection_made(self.below)

    def carry(self) -> None:
        """What either side has written reaches the other."""
        data = self._from_caller.read()
        for place in range(0, len(data), self.cut):
            self.layer.data_received(data[place : place + self.cut])
        self._to_caller.write(bytes(self.below.written[self._taken :]))
        self._taken = len(self.below.written)

    def shake(self) -> None:
        for _ in range(3):
            try:
                self.caller.do_handshake()
            except ssl.SSLWantReadError:
                self.carry()
        self.carry()

    def send(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self.caller.write(view) :]
        self.carry()

    def received(self) -> bytes:
        """What the caller has got, to now; None of it waits."""
        self.carry()
        data = bytearray()
        try:
            while piece := self.caller.read(RECORD_BYTES):
                data += piece
        except ssl.SSLWantReadError:
            pass
        return bytes(data)

    def ended(self) -> bool:
        """Whether the caller was told, in TLS, that nothing more comes."""
        self.carry()
        try:
            return self.caller.read(1) == b""
        except ssl.SSLZeroReturnError:
            return True
        except ssl.SSLWantReadError:
            return False


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> CertificateFiles:
    return self_signed(tmp_path_factory.mktemp("certificates"), "a")


@pytest.fixture
def above() -> Above:
    return Above()


@pytest.fixture
def line(files: CertificateFiles, above: Above) -> Line:
    line = Line(files, above)
    line.shake()
    return line


def test_a_connection_is_made_only_when_the_handshake_is_done(files: CertificateFiles, above: Above) -> None:
    """Before that it is a handshake: counted there, and timed there."""
    line = Line(files, above)
    assert above.transport is None
    assert line.undone == {line.layer}
    line.shake()
    assert above.transport is line.layer
    assert line.undone == set()
    assert line.caller.version() == "TLSv1.3"


def test_a_caller_that_offers_protocols_is_told_http_1_1(files: CertificateFiles, above: Above) -> None:
    """Callers that could speak HTTP/2 must know that they may not."""
    line = Line(files, above)
    context = caller_context(files.chain)
    context.set_alpn_protocols(["h2", "http/1.1"])
    line.caller = context.wrap_bio(line._to_caller, line._from_caller, server_hostname=NAME)
    line.shake()
    assert line.caller.selected_alpn_protocol() == "http/1.1"


@given(size=st.integers(0, 3 * RECORD_BYTES), cut=st.integers(1, 3 * RECORD_BYTES), answers=st.integers(0, 3))
def test_however_the_bytes_are_cut_both_sides_hear_what_was_said(
    files: CertificateFiles, size: int, cut: int, answers: int
) -> None:
    """Records, reads and segments have nothing to do with each other."""
    above = Above()
    line = Line(files, above, cut=max(cut, size // 50 + 1))
    line.shake()
    said = bytes(range(256)) * (size // 256 + 1)
    line.send(said[:size])
    assert above.heard == said[:size]
    for number in range(answers):
        line.layer.write(said[: size * number])
    assert line.received() == b"".join(said[: size * number] for number in range(answers))


def test_what_arrives_at_once_is_passed_on_as_one_piece(line: Line, above: Above) -> None:
    """A picture of 64 records must not become 64 turns of the parser."""
    line.send(b"x" * (20 * RECORD_BYTES))
    assert above.pieces == 1
    assert len(above.heard) == 20 * RECORD_BYTES


def test_an_answer_of_many_records_arrives_whole_and_as_memory_and_bytes(line: Line) -> None:
    """One write of OpenSSL takes a record: the rest must follow."""
    body = bytes(range(256)) * 8192
    line.layer.write(body)
    line.layer.write(memoryview(body))
    line.layer.write(bytearray(b"end"))
    assert line.received() == body + body + b"end"


def test_what_the_socket_has_not_sent_counts_as_unsent(line: Line) -> None:
    """Else a drain, or the end of a linger, would cut the answer off under a slow caller."""
    line.below.unsent_bytes = 77
    assert line.layer.get_write_buffer_size() == 77


def test_backpressure_of_the_socket_reaches_the_connection(line: Line, above: Above) -> None:
    """And a connection that reads no more stops the socket."""
    line.layer.pause_writing()
    assert above.paused
    line.layer.resume_writing()
    assert not above.paused
    line.layer.pause_reading()
    assert not line.below.reading
    line.layer.resume_reading()
    assert line.below.reading


def test_the_end_of_our_side_is_told_while_the_caller_still_sends(line: Line, above: Above) -> None:
    """A refusal in the middle of an upload: its answer, then the end, and what still comes is read."""
    line.send(b"half of a body, ")
    line.layer.write(b"413")
    line.layer.write_eof()
    assert line.below.ended
    line.send(b"the other half")
    assert above.heard == b"half of a body, the other half"
    assert line.received() == b"413"
    assert line.ended()
    assert not line.below.is_closing()


def test_a_refusal_of_a_real_connection_arrives_and_the_rest_is_discarded(files: CertificateFiles) -> None:
    """The connection's own linger, over TLS."""
    caller = Caller()
    line = Line(files, caller.connection)
    line.shake()
    line.send(b"POST /v2/models/m/infer HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999999\r\n\r\nxxx")
    assert line.received().startswith(b"HTTP/1.1 413 ")
    line.send(b"x" * 100_000)
    assert line.ended()
    assert not line.below.aborted
    caller.clock.time_s += 3
    assert caller.connection.overdue(caller.clock.time_s)
    caller.connection.time_out()
    assert line.below.aborted


def test_a_request_and_its_answer_go_through(files: CertificateFiles) -> None:
    """The real connection above; the request comes in the same flight as the end of the handshake."""
    caller = Caller()
    caller.service.at_once = True
    line = Line(files, caller.connection)
    with pytest.raises(ssl.SSLWantReadError):
        line.caller.do_handshake()
    line.carry()
    line.caller.do_handshake()
    line.send(post(b"hello") + GET)
    assert line.received().count(b"HTTP/1.1 200 OK") == 2


def test_a_caller_that_says_in_tls_that_it_leaves_has_left(files: CertificateFiles) -> None:
    """As one that closes a plain connection: its request is cancelled."""
    caller = Caller()
    line = Line(files, caller.connection)
    line.shake()
    line.send(GET)
    with pytest.raises(ssl.SSLWantReadError):
        line.caller.unwrap()
    line.carry()
    assert line.below.closed
    assert line.ended()
    line.layer.connection_lost(None)
    assert caller.service.servings[0].cancelled
    assert caller.connections == set()


def test_a_caller_that_leaves_without_a_word_has_left_too(line: Line, above: Above) -> None:
    """Many close the socket alone."""
    assert not line.layer.eof_received()
    assert above.left
    line.layer.connection_lost(None)
    assert above.lost
    line.layer.write(b"nobody is there")  # and no error
    assert line.layer.is_closing()


@pytest.mark.parametrize("said", [GET, b"\x16\x03\x01\x00\x05hello", b"\x00" * 50, b"SSH-2.0-x\r\n"])
def test_what_is_no_tls_is_closed_with_a_reason(files: CertificateFiles, above: Above, said: bytes) -> None:
    """Plain HTTP on the port of HTTPS, scanners, and noise."""
    line = Line(files, above)
    line.layer.data_received(said)
    line.layer.data_received(said)
    assert line.below.closed
    assert above.transport is None
    assert len(line.failures) == 1
    line.layer.connection_lost(None)
    assert line.undone == set()
    assert not above.lost


def test_a_record_that_was_altered_on_its_way_ends_the_connection(line: Line, above: Above) -> None:
    """Nothing that was not said is served."""
    line.caller.write(GET)
    data = bytearray(line._from_caller.read())
    data[-1] ^= 1
    line.layer.data_received(bytes(data))
    assert line.below.aborted
    assert above.heard == b""


def test_a_handshake_is_overdue_after_its_time_and_not_before(files: CertificateFiles, above: Above) -> None:
    """Whoever only connects holds a connection for nothing."""
    line = Line(files, above)
    assert not line.layer.overdue(109.9, 10.0)
    assert line.layer.overdue(110.1, 10.0)
    line.layer.time_out()
    assert line.below.aborted
    assert line.failures == ["not done in time"]


def test_where_there_is_no_room_a_connection_is_not_even_shaken_hands_with(
    files: CertificateFiles, above: Above
) -> None:
    """A handshake is the dearest thing that a stranger can ask for."""
    line = Line(files, above, room=False)
    assert line.below.aborted
    with pytest.raises(ssl.SSLWantReadError):
        line.caller.do_handshake()
    line.carry()
    assert line.below.written == b""


def test_what_is_asked_of_the_connection_below_is_answered(line: Line) -> None:
    """Who looks for the caller's certificate finds TLS; all else is the socket's."""
    assert isinstance(line.layer.get_extra_info("ssl_object"), ssl.SSLObject)
    assert line.layer.get_extra_info("nothing", 7) == 7
    assert line.layer.can_write_eof()


def test_a_caller_without_a_certificate_is_refused_where_one_is_required(
    files: CertificateFiles, above: Above, tmp_path: Path
) -> None:
    """In TLS 1.3 the caller thinks that the handshake is done before we have looked."""
    authority = self_signed(tmp_path, "authority")
    line = Line(CertificateFiles(chain=files.chain, key=files.key, client_ca=authority.chain), above)
    line.shake()
    assert above.transport is None
    assert line.below.closed
    assert line.failures == ["peer did not return a certificate"]
    with pytest.raises(ssl.SSLError):
        line.caller.read(1)
