"""The data side over TLS, as callers meet it."""

import asyncio
import socket
import ssl
import time
from pathlib import Path

import httpx
import pytest

from proxy.certificate import CertificateFiles
from sim.stubs.behaviours import Huge, Latency
from sim.stubs.server import StubServer
from tests.integration.callers import Response, ask, infer, labelled
from tests.integration.processes.families import TABLE
from tests.integration.test_commands import serve
from tests.integration.tls.secured import Start, calling, status_of
from tests.stand_ins.certificates import NAME, caller_context, self_signed

HUGE_BYTES = 8 * 1024 * 1024

PAUSE_S = 4.5
"""Longer than a linger, and the sweep that ends it."""


@pytest.mark.parametrize("processes", [1, 2])
async def test_requests_are_answered_over_tls(start: Start, files: CertificateFiles, processes: int) -> None:
    """By a client that checks the certificate, over one connection and over several."""
    proxy = await start(processes=processes)
    context = caller_context(files.chain)
    url = f"https://{NAME}:{proxy.port}"
    for _ in range(4):
        async with httpx.AsyncClient(verify=context, transport=_to_loopback(context)) as client:
            assert (await client.get(f"{url}/v2")).json()["name"] == "penstock"
            answer = await client.post(f"{url}/v2/models/m/infer", content=labelled(1))
            assert (answer.status_code, answer.headers["penstock-application"]) == (200, "a")


def _to_loopback(context: ssl.SSLContext) -> httpx.AsyncHTTPTransport:
    """Whatever `localhost` is called elsewhere, the proxy under test is on IPv4."""
    return httpx.AsyncHTTPTransport(verify=context, local_address="127.0.0.1")


async def test_the_line_of_readiness_says_https(start: Start) -> None:
    """Whoever reads the address from it must not speak HTTP there."""
    assert list((await start()).ports) == ["https"]


@pytest.mark.parametrize("processes", [1, 2])
async def test_plain_http_is_served_beside_tls_where_that_has_an_address_of_its_own(
    start: Start, files: CertificateFiles, processes: int
) -> None:
    """Two doors, one proxy: its limits, its counts and its drain are those of both."""
    proxy = await start("--tls-listen", "127.0.0.1:0", processes=processes)
    assert list(proxy.ports) == ["http", "https"]
    assert (await ask(proxy.ports["http"], infer(labelled(1)))).status == 200
    async with calling(proxy.ports["https"], caller_context(files.chain)) as caller:
        assert (await caller.ask(infer(labelled(1)))).status == 200
    assert await proxy.metric('penstock_requests_total{class="default",outcome="served",tier="0"}') == 2


async def test_old_versions_of_tls_are_refused(start: Start, files: CertificateFiles) -> None:
    """1.2 is the least; both that are left are served."""
    proxy = await start()
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = caller_context(files.chain)
        context.minimum_version = context.maximum_version = version
        async with calling(proxy.port, context) as caller:
            assert (await caller.ask(infer(labelled(1)))).status == 200
    weak = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    weak.check_hostname, weak.verify_mode = False, ssl.CERT_NONE
    weak.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        weak.minimum_version, weak.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError):
        async with calling(proxy.port, weak):
            pass


async def test_plain_http_at_the_port_of_https_is_closed_without_a_traceback(start: Start) -> None:
    """A mistake of every day."""
    proxy = await start()
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(b"GET /v2 HTTP/1.1\r\nHost: a\r\n\r\n")
    async with asyncio.timeout(10):
        assert b"HTTP" not in await reader.read()
    writer.close()
    (event,) = proxy.events("handshake_failed")
    assert (event["reason"], event["level"]) == ("http request", "warning")
    assert "Traceback" not in proxy.log_path.read_text()


async def test_a_caller_without_a_certificate_is_refused_where_one_is_required(
    start: Start, files: CertificateFiles, tmp_path: Path
) -> None:
    """And so is one whose certificate comes from somebody else."""
    known, unknown = self_signed(tmp_path, "known"), self_signed(tmp_path, "unknown")
    proxy = await start("--tls-client-ca", known.chain)
    async with calling(proxy.port, caller_context(files.chain, own=known)) as caller:
        assert (await caller.ask(infer(labelled(1)))).status == 200
    for own in (None, unknown):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.to_thread(_ask, proxy.port, caller_context(files.chain, own=own))
    reasons = {str(event["reason"]).partition(":")[0] for event in proxy.events("handshake_failed")}
    assert reasons == {"peer did not return a certificate", "certificate verify failed"}


def _ask(port: int, context: ssl.SSLContext, data: bytes = infer(b"")) -> bytes:
    """All that is answered, up to an end that is one in TLS too. In a thread: asyncio hides how it ended."""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=20) as plain,
        context.wrap_socket(plain, server_hostname=NAME, suppress_ragged_eofs=False) as secured,
    ):
        secured.sendall(data)
        answer = bytearray()
        while piece := secured.recv(65536):
            answer += piece
        return bytes(answer)


async def test_an_answer_that_is_the_last_one_ends_in_tls_and_at_once(
    start: Start, files: CertificateFiles
) -> None:
    """Whoever reads to the end must neither wait for a linger nor think that the answer was cut."""
    proxy = await start()
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    request = infer(labelled(1), "Connection: close")
    answer = await asyncio.to_thread(_ask, proxy.port, caller_context(files.chain), request)
    assert status_of(answer) == 200
    assert loop.time() - began_s < 1.5, "it came only when the linger was over"


async def test_a_refusal_arrives_while_the_caller_still_sends(start: Start, files: CertificateFiles) -> None:
    """A body that is too large is refused at its head; a reset would take the refusal away again."""
    proxy = await start("--body-bytes-max", "1000")
    request = infer(b"x" * 1_000_000)
    answer = await asyncio.to_thread(_ask, proxy.port, caller_context(files.chain), request)
    assert status_of(answer) == 413


async def test_a_slow_reader_gets_the_last_answer_whole(
    start: Start, stub: StubServer, files: CertificateFiles
) -> None:
    """What is encrypted and not yet sent must not count as sent: a linger of 2 s would cut it off."""
    stub.behave(Huge(body_bytes=HUGE_BYTES))
    proxy = await start()

    got = await asyncio.to_thread(_read_slowly, proxy.port, caller_context(files.chain))
    assert got > HUGE_BYTES


def _read_slowly(port: int, context: ssl.SSLContext) -> int:
    """How many bytes come, up to an end that is one in TLS too."""
    with socket.socket() as plain:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        plain.settimeout(20)
        plain.connect(("127.0.0.1", port))
        with context.wrap_socket(plain, server_hostname=NAME, suppress_ragged_eofs=False) as secured:
            secured.sendall(infer(labelled(1), "Connection: close"))
            count = len(secured.recv(1))
            time.sleep(PAUSE_S)
            while piece := secured.recv(1 << 20):
                count += len(piece)
            return count


async def test_many_callers_at_once_get_their_own_answers(
    start: Start, stub: StubServer, files: CertificateFiles
) -> None:
    """Bodies of many records, both ways, beside each other."""
    stub.behave(Latency(delay=0.005))
    proxy = await start(processes=2)
    context = caller_context(files.chain)
    body = labelled(1, filler="x" * 100_000)

    async def one() -> list[Response]:
        async with calling(proxy.port, context) as caller:
            return [await caller.ask(infer(body)) for _ in range(10)]

    async with asyncio.timeout(60):
        answers = await asyncio.gather(*(one() for _ in range(16)))
    assert {each.status for some in answers for each in some} == {200}


async def test_a_drain_lets_requests_over_tls_end(
    start: Start, stub: StubServer, files: CertificateFiles
) -> None:
    """SIGTERM while a request is out: it is answered, and nobody is cut off."""
    stub.behave(Latency(delay=0.5))
    proxy = await start()
    async with calling(proxy.port, caller_context(files.chain)) as caller:
        asked = caller.ask(infer(labelled(1)))
        async with asyncio.timeout(10):
            while not stub.inflight:  # noqa: ASYNC110 - the stub knows no events
                await asyncio.sleep(0.01)
        assert await proxy.stop() == 0
        assert (await asked).status == 200
    assert proxy.events("ended")[0]["cut_off"] == 0


async def test_a_certificate_that_cannot_be_served_ends_the_start(
    files: CertificateFiles, tmp_path: Path
) -> None:
    """One line with the file's name, and exit 2; so does a key without its certificate."""
    table = tmp_path / "table.yaml"
    table.write_text(TABLE.format(url="http://127.0.0.1:1", limits=""))
    other = self_signed(tmp_path, "other")
    for pair, said in (
        (("--tls-cert", files.chain, "--tls-key", other.key), other.key),
        (("--tls-cert", files.chain, "--tls-key", str(tmp_path / "none")), "none: No such file"),
        (("--tls-cert", files.chain, "--tls-key", other.key, "--processes", "2"), other.key),
        (("--tls-key", files.key), "--tls-cert"),
    ):
        ended = await serve(table, *pair)
        assert (ended.code, ended.out) == (2, "")
        assert said in ended.err
        assert "Traceback" not in ended.err
