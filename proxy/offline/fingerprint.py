"""Whether two requests under one Idempotency-Key are the same request."""

import hashlib

from proxy.tickets import Envelope

_MEANINGFUL = (b"content-type", b"content-encoding", b"inference-header-content-length")
"""Header fields without which the same bytes would mean something else."""


def fingerprint(envelope: Envelope) -> bytes:
    """A digest of method, target, body and the headers that say how to read the body."""
    digest = hashlib.sha256()
    fields = [envelope.method, envelope.target]
    given = {name.lower(): value for name, value in envelope.headers}
    fields += [given.get(name, b"") for name in _MEANINGFUL]
    for field in fields:
        digest.update(len(field).to_bytes(8, "big") + field)
    digest.update(envelope.body)
    return digest.digest()
