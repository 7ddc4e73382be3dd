"""A stub, and proxies with TLS over it that end with the test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from proxy.certificate import CertificateFiles
from sim.stubs.server import StubServer
from tests.integration.processes.families import TABLE, FamilyProcess
from tests.integration.tls.secured import Start
from tests.stand_ins.certificates import self_signed


@pytest.fixture
async def stub() -> AsyncIterator[StubServer]:
    async with StubServer("stub", calls_kept=10) as stub:
        yield stub


@pytest.fixture
def files(tmp_path: Path) -> CertificateFiles:
    """What the proxy serves by; `first` at the start."""
    return self_signed(tmp_path, "first")


@pytest.fixture
async def start(stub: StubServer, files: CertificateFiles, tmp_path: Path) -> AsyncIterator[Start]:
    """Starts a proxy of some processes over the stub, with the certificate of `files`."""
    started: list[FamilyProcess] = []

    async def start(*options: str, processes: int = 1) -> FamilyProcess:
        path = tmp_path / "table.yaml"
        path.write_text(TABLE.format(url=stub.url, limits=""))
        pair = ("--tls-cert", files.chain, "--tls-key", files.key)
        proxy = FamilyProcess(path, "memory://", tmp_path / "log", *pair, *options, processes=processes)
        started.append(proxy)
        await proxy.start()
        return proxy

    yield start
    for proxy in started:
        assert await proxy.stop() == 0
