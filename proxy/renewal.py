"""Renewal of the certificate: read → refuse, or a new context for the connections that come from now on.

Read when the files have changed and by SIGHUP, as the table is. All or nothing: while the new files are bad
(a renewer writes one after the other, for instance) the certificate in force stays in force.
"""

import asyncio
import ssl
from collections.abc import Callable

from proxy.certificate import Certificate, context_of, read_certificate
from proxy.errors import CertificateRefused
from proxy.ports import Log
from proxy.watcher import Watcher


class Renewal:
    """`renewed` is told of each new certificate, which has been checked, with its context."""

    def __init__(
        self, certificate: Certificate, *, renewed: Callable[[Certificate, ssl.SSLContext], None], log: Log
    ) -> None:
        self.certificate = certificate
        self._renewed = renewed
        self._log = log
        self._lock = asyncio.Lock()
        self._hurried: set[asyncio.Task[None]] = set()
        self._refused: Certificate | str | None = None  # what was refused last, so that it is logged once
        self._watcher = Watcher(certificate.files.paths, lambda: self.renew("file changed"))

    def start(self) -> None:
        """Begin to watch the files."""
        self._watcher.start()

    async def stop(self) -> None:
        """Stop watching; what was asked for by signal is finished."""
        await self._watcher.stop()
        await asyncio.gather(*self._hurried)

    def hurry(self) -> None:
        """Read the files now (SIGHUP)."""
        task = asyncio.get_running_loop().create_task(self.renew("signal"))
        self._hurried.add(task)
        task.add_done_callback(self._hurried.discard)

    async def renew(self, cause: str) -> None:
        """Read, check, and put in force."""
        async with self._lock:
            try:
                certificate = await asyncio.to_thread(read_certificate, self.certificate.files)
            except CertificateRefused as error:
                self._refuse(cause, error, str(error))
                return
            if certificate == self.certificate:
                self._keep(cause)
                return
            try:
                context = await asyncio.to_thread(context_of, certificate)
            except CertificateRefused as error:
                self._refuse(cause, error, certificate)
                return
            self.certificate, self._refused = certificate, None
            self._renewed(certificate, context)
            self._log.info("certificate_renewed", cause=cause, sha256=certificate.fingerprint)

    def _keep(self, cause: str) -> None:
        if self._refused is not None:  # else the refusal would be the log's last word
            self._log.info("certificate_restored", cause=cause, sha256=self.certificate.fingerprint)
        self._refused = None

    def _refuse(self, cause: str, error: CertificateRefused, refused: Certificate | str) -> None:
        if refused == self._refused:
            return  # a signal and the watcher have come upon the same change
        self._refused = refused
        self._log.error(
            "certificate_refused", cause=cause, problem=str(error), still_serving=self.certificate.fingerprint
        )
