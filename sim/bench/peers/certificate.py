"""A self-signed certificate for the TLS case, made by the openssl command."""

import shutil
import subprocess
from pathlib import Path

from sim.bench.peers.peer import Certificate


def make_certificate(folder: Path) -> Certificate | None:
    """ECDSA P-256, for a day; None where there is no openssl."""
    program = shutil.which("openssl")
    if program is None:
        return None
    certificate = Certificate(chain=folder / "chain.pem", key=folder / "key.pem")
    subprocess.run(
        [
            *(program, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-days", "1", "-subj", "/CN=penstock.test"),
            *("-out", str(certificate.chain), "-keyout", str(certificate.key)),
        ],
        check=True,
        capture_output=True,
        timeout=30,
    )
    return certificate
