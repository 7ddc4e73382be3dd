"""Certificates for tests, made by the openssl command: ECDSA, each its own authority."""

import ssl
import subprocess
from pathlib import Path

from proxy.certificate import CertificateFiles

NAME = "localhost"


def self_signed(folder: Path, stem: str, *key_options: str) -> CertificateFiles:
    """`stem.pem` and `stem.key` in the folder, for `localhost`."""
    chain, key = folder / f"{stem}.pem", folder / f"{stem}.key"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-days", "2", "-subj", f"/CN={stem}", "-addext", f"subjectAltName=DNS:{NAME},IP:127.0.0.1"),
            *("-out", str(chain), "-keyout", str(key), *(key_options or ("-nodes",))),
        ],
        check=True,
        capture_output=True,
        timeout=30,
    )
    return CertificateFiles(chain=str(chain), key=str(key))


def caller_context(*authorities: str, own: CertificateFiles | None = None) -> ssl.SSLContext:
    """What a caller trusts, and what it shows of itself."""
    context = ssl.create_default_context()
    for authority in authorities:
        context.load_verify_locations(authority)
    if own is not None:
        context.load_cert_chain(own.chain, own.key)
    return context
