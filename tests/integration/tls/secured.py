"""Callers of a proxy over TLS, with the standard library's own client."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httptools

from proxy.certificate import CertificateFiles
from tests.integration.callers import Caller, eventually
from tests.integration.processes.families import FamilyProcess
from tests.stand_ins.certificates import NAME, self_signed

Start = Callable[..., Awaitable[FamilyProcess]]


@asynccontextmanager
async def calling(port: int, context: ssl.SSLContext) -> AsyncIterator[Caller]:
    """A caller over TLS."""
    loop = asyncio.get_running_loop()
    _, caller = await loop.create_connection(Caller, "127.0.0.1", port, ssl=context, server_hostname=NAME)
    try:
        yield caller
    finally:
        caller.close()


def renew(files: CertificateFiles, folder: Path, stem: str) -> CertificateFiles:
    """Put a new pair in the place of the one that is served by, as renewers do: one file, then the other."""
    new = self_signed(folder, stem)
    for source, place in ((new.chain, files.chain), (new.key, files.key)):
        fresh = Path(place + ".new")
        fresh.write_bytes(Path(source).read_bytes())
        fresh.rename(place)
    return new


async def serves(port: int, files: CertificateFiles, times: int = 1) -> bool:
    """Whether so many new connections in a row are all made by this certificate."""
    return await asyncio.to_thread(_serves, port, files, times)


def _serves(port: int, files: CertificateFiles, times: int) -> bool:
    expected = ssl.PEM_cert_to_DER_cert(Path(files.chain).read_text())
    for _ in range(times):
        pem = ssl.get_server_certificate(("127.0.0.1", port), timeout=10)
        if ssl.PEM_cert_to_DER_cert(pem) != expected:
            return False
    return True


def spoil(files: CertificateFiles) -> bytes:
    """Take the key away; what it was."""
    key = Path(files.key)
    data = key.read_bytes()
    key.unlink()
    return data


def mend(files: CertificateFiles, data: bytes) -> None:
    """Put a key where it belongs."""
    Path(files.key).write_bytes(data)


async def comes_to_serve(port: int, files: CertificateFiles, times: int = 1) -> None:
    """Wait for it; with several processes, `times` is enough that each has surely been asked."""
    await eventually(lambda: serves(port, files, times), 20, f"the certificate {files.chain}")
    assert await serves(port, files, times)


async def logged(proxy: FamilyProcess, event: str, count: int = 1) -> None:
    """Wait until the log has so many of these."""

    async def there() -> bool:
        return len(proxy.events(event)) >= count

    await eventually(there, 20, event)


def status_of(data: bytes) -> int:
    """Of the first answer in the bytes."""
    parser = httptools.HttpResponseParser(object())
    parser.feed_data(data)
    return int(parser.get_status_code())
