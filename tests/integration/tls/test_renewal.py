"""Certificates are renewed in the night: without a restart, without a lost request, and never by halves."""

import os
import signal
from pathlib import Path

import pytest

from proxy.certificate import CertificateFiles
from tests.integration.callers import infer, labelled
from tests.integration.tls.secured import Start, calling, comes_to_serve, logged, mend, renew, serves, spoil
from tests.stand_ins.certificates import caller_context, self_signed

ENOUGH = 24
"""New connections, so that both of two processes have surely been asked: one in 8 million would not be."""


@pytest.mark.parametrize("processes", [1, 2])
async def test_a_renewed_certificate_is_served_after_sighup_and_an_open_connection_goes_on(
    start: Start, files: CertificateFiles, tmp_path: Path, processes: int
) -> None:
    """The watcher would see the files too, a little later: whoever signals does not want to wait."""
    proxy = await start(processes=processes)
    trusted = caller_context(files.chain)
    async with calling(proxy.port, trusted) as caller:
        assert (await caller.ask(infer(labelled(1)))).status == 200
        renewed = renew(files, tmp_path, "second")
        proxy.signal(signal.SIGHUP)
        await comes_to_serve(proxy.port, renewed, ENOUGH)
        assert (await caller.ask(infer(labelled(1)))).status == 200
    assert [each["cause"] for each in proxy.events("certificate_renewed")] == ["signal"]


async def test_a_renewed_certificate_is_served_without_a_signal(
    start: Start, files: CertificateFiles, tmp_path: Path
) -> None:
    """Kubernetes sends none."""
    proxy = await start()
    await comes_to_serve(proxy.port, renew(files, tmp_path, "second"))
    assert [each["cause"] for each in proxy.events("certificate_renewed")] == ["file changed"]


@pytest.mark.parametrize("processes", [1, 2])
async def test_a_bad_renewal_keeps_the_old_certificate_and_is_logged_once(
    start: Start, files: CertificateFiles, tmp_path: Path, processes: int
) -> None:
    """Also by a process that is started anew while the files are bad; the next good pair is taken."""
    proxy = await start(processes=processes)
    other = self_signed(tmp_path, "other")
    mend(files, spoil(other))
    proxy.signal(signal.SIGHUP)
    await logged(proxy, "certificate_refused")
    assert await serves(proxy.port, files, ENOUGH)
    if processes > 1:
        os.kill(proxy.children()[1], signal.SIGKILL)
        await proxy.whole_again(restarts=1)
        assert await serves(proxy.port, files, ENOUGH)
    (refused,) = proxy.events("certificate_refused")
    assert refused["level"] == "error"
    assert files.key in str(refused["problem"])
    await comes_to_serve(proxy.port, renew(files, tmp_path, "second"), ENOUGH)


async def test_the_log_says_that_the_certificate_in_force_is_back(
    start: Start, files: CertificateFiles
) -> None:
    """A refusal must not be its last word."""
    proxy = await start()
    good = spoil(files)
    await logged(proxy, "certificate_refused")
    assert "No such file" in str(proxy.events("certificate_refused")[0]["problem"])
    mend(files, good)
    await logged(proxy, "certificate_restored")
    assert proxy.events("certificate_renewed") == []
    assert await serves(proxy.port, files)


async def test_a_table_is_still_reloaded_by_the_signal(start: Start, tmp_path: Path) -> None:
    """One signal for both."""
    proxy = await start()
    proxy.signal(signal.SIGHUP)
    await logged(proxy, "table_reloaded")
    assert proxy.events("certificate_renewed") == []
