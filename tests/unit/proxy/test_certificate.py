"""From files to a context: what is wrong is said with the file's name, and the key is never shown."""

import os
import ssl
from pathlib import Path

import msgspec
import pytest

from proxy.certificate import Certificate, CertificateFiles, context_of, read_certificate
from proxy.errors import CertificateRefused
from tests.stand_ins.certificates import self_signed


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    self_signed(folder, "a")
    self_signed(folder, "b")
    self_signed(folder, "locked", "-passout", "pass:secret")
    (folder / "text.pem").write_text("no certificate\n")
    (folder / "both.pem").write_bytes((folder / "a.pem").read_bytes() + (folder / "a.key").read_bytes())
    return folder


def of(folder: Path, chain: str, key: str, client_ca: str | None = None) -> Certificate:
    ca = None if client_ca is None else str(folder / client_ca)
    return read_certificate(CertificateFiles(chain=str(folder / chain), key=str(folder / key), client_ca=ca))


@pytest.mark.parametrize(
    ("chain", "key", "client_ca", "said"),
    [
        ("none.pem", "a.key", None, "none.pem: No such file"),
        ("a.pem", "none.key", None, "none.key: No such file"),
        ("a.pem", "a.key", "none.pem", "none.pem: No such file"),
        ("a.pem", ".", None, ": Is a directory"),
        ("a.pem", "b.key", None, "b.key: not the key of the certificate in"),
        ("locked.pem", "locked.key", None, "locked.key: the key needs a passphrase"),
        ("text.pem", "a.key", None, "text.pem: no certificates"),
        ("a.key", "a.key", None, "a.key: no certificates"),
        ("a.pem", "text.pem", None, "text.pem: no private key"),
        ("a.pem", "a.pem", None, "a.pem: no private key"),
        ("a.pem", "a.key", "text.pem", "text.pem: no certificates"),
        ("a.pem", "a.key", "a.key", "a.key: no certificates"),
    ],
)
def test_what_cannot_be_served_is_told_with_the_name_of_the_file(
    folder: Path, chain: str, key: str, client_ca: str | None, said: str
) -> None:
    """OpenSSL's own words for most of these are 'PEM lib', and for a passphrase it would ask the terminal."""
    with pytest.raises(CertificateRefused) as raised:
        context_of(of(folder, chain, key, client_ca))
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_may_not_be_read_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys are often their owner's alone. (Here by a stand-in: whoever runs tests as root may read all.)"""

    def refuse(path: Path) -> bytes:
        raise PermissionError(13, os.strerror(13), str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(CertificateRefused, match=r"a\.pem: Permission denied"):
        of(folder, "a.pem", "a.key")


def test_a_context_speaks_tls_1_2_or_later_without_compression_or_renegotiation(folder: Path) -> None:
    """The safe side of what Python leaves open."""
    context = context_of(of(folder, "a.pem", "a.key"))
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.options & ssl.OP_NO_COMPRESSION
    assert context.options & ssl.OP_NO_RENEGOTIATION
    assert context.verify_mode == ssl.CERT_NONE


def test_one_file_may_hold_both_and_an_authority_makes_certificates_of_callers_required(folder: Path) -> None:
    """As HAProxy takes them; and mutual TLS must not be optional once it is asked for."""
    context = context_of(of(folder, "both.pem", "both.pem", "b.pem"))
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.cert_store_stats()["x509"] == 1


def test_nothing_of_the_key_is_shown_and_the_fingerprint_is_that_of_the_certificate(folder: Path) -> None:
    """A value that travels in messages is soon in a log."""
    certificate = of(folder, "both.pem", "both.pem")
    assert "PRIVATE" not in repr(certificate)
    assert "key" not in repr(certificate).replace("both.pem", "")
    alone = of(folder, "a.pem", "a.key")
    assert certificate.fingerprint == alone.fingerprint
    assert len(alone.fingerprint) == 64
    assert alone.fingerprint != of(folder, "b.pem", "b.key").fingerprint


def test_a_certificate_travels_whole(folder: Path) -> None:
    """Children serve what the supervisor has checked, not what the files hold by then."""
    certificate = of(folder, "a.pem", "a.key", "b.pem")
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(certificate), type=Certificate) == certificate


def test_no_descriptor_stays_open_after_a_certificate_was_loaded(folder: Path) -> None:
    """A proxy is renewed for years."""
    certificate = of(folder, "a.pem", "a.key")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        context_of(certificate)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
