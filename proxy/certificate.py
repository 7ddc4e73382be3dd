"""The certificate that callers of the data side see: files → bytes → a context that TLS is spoken by.

What is served is what was read once: the bytes are checked and travel to every process, so that files which
change meanwhile, or are bad when a process is started again, change nothing. A context is never altered; a
renewed certificate gets a new one. Never decides when files are read (`renewal.py`).
"""

import contextlib
import hashlib
import os
import ssl
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from proxy.errors import CertificateRefused

ALPN = ("http/1.1",)
"""What callers that ask are told to speak."""

MINIMUM = ssl.TLSVersion.TLSv1_2


class CertificateFiles(msgspec.Struct, frozen=True, kw_only=True):
    """Paths of PEM files."""

    chain: str  # the server's certificate first, then what leads to its root
    key: str  # may be the same file
    client_ca: str | None = None  # whose certificates callers must have; None = they need none

    @property
    def paths(self) -> tuple[Path, ...]:
        """All that is there to be watched."""
        return tuple(Path(name) for name in (self.chain, self.key, self.client_ca) if name is not None)


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """What the files held."""

    files: CertificateFiles
    chain: bytes
    key: bytes
    client_ca: bytes | None

    def __repr__(self) -> str:
        """Without the key: what is shown may be logged."""
        return f"Certificate({self.files.chain}, {self.fingerprint[:16]})"

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the server's certificate: `openssl x509 -fingerprint -sha256`, without the colons."""
        first, end, _ = self.chain.partition(b"-----END CERTIFICATE-----")
        begin = first.find(b"-----BEGIN CERTIFICATE-----")
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert((first[begin:] + end).decode("latin-1"))).hexdigest()


def read_certificate(files: CertificateFiles) -> Certificate:
    """The files as they are now, not yet checked. Raises CertificateRefused with the file's name."""
    return Certificate(
        files=files,
        chain=_read(files.chain),
        key=_read(files.key),
        client_ca=None if files.client_ca is None else _read(files.client_ca),
    )


def context_of(certificate: Certificate) -> ssl.SSLContext:
    """TLS by this certificate: 1.2 or later, the ciphers of Python's servers. Raises CertificateRefused."""
    files = certificate.files
    _check_certificates(files.chain, certificate.chain)
    context = _context()
    _load_pair(context, certificate)
    if files.client_ca is not None and certificate.client_ca is not None:
        _check_certificates(files.client_ca, certificate.client_ca)
        context.load_verify_locations(cadata=certificate.client_ca.decode("latin-1"))
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = MINIMUM
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(list(ALPN))
    return context


def _read(name: str) -> bytes:
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise CertificateRefused(f"{name}: {error.strerror}") from error


def _check_certificates(name: str, data: bytes) -> None:
    """OpenSSL's complaint about a pair does not say which of its files it means."""
    try:
        _context().load_verify_locations(cadata=data.decode("latin-1"))
    except (ssl.SSLError, ValueError) as error:
        raise CertificateRefused(f"{name}: no certificates in PEM form") from error


class _Locked(Exception):
    """The key is encrypted."""


def _no_passphrase() -> str:
    """In place of OpenSSL's question on the terminal, which nobody would answer."""
    raise _Locked


def _load_pair(context: ssl.SSLContext, certificate: Certificate) -> None:
    files = certificate.files
    with _shown(certificate.chain) as chain, _shown(certificate.key) as key:
        try:
            context.load_cert_chain(chain, key, password=_no_passphrase)
        except _Locked as error:
            raise CertificateRefused(f"{files.key}: the key needs a passphrase; store it without") from error
        except ssl.SSLError as error:
            raise CertificateRefused(_complaint(files, error)) from error


def _complaint(files: CertificateFiles, error: ssl.SSLError) -> str:
    reason = error.reason or ""
    if reason == "KEY_VALUES_MISMATCH":
        return f"{files.key}: not the key of the certificate in {files.chain}"
    if not reason:  # "PEM lib", and the certificates have been looked at
        return f"{files.key}: no private key in PEM form"
    return f"{files.chain}, {files.key}: {reason.replace('_', ' ').lower()}"


@contextlib.contextmanager
def _shown(data: bytes) -> Iterator[str]:
    """A path to bytes, for OpenSSL reads a pair from files alone. On Linux they are nowhere but in memory."""
    if hasattr(os, "memfd_create"):
        with os.fdopen(os.memfd_create("penstock-certificate"), "wb", buffering=0) as memory:
            memory.write(data)
            yield f"/proc/self/fd/{memory.fileno()}"
    else:
        with tempfile.NamedTemporaryFile(buffering=0) as file:
            file.write(data)
            yield file.name
