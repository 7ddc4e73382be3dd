"""The errors that the proxy's own commands end with; the docstring is the message's first sentence.

Expected failures inside the data path are values (`messages.Failure`, `tickets.Refused`), not these.
"""

import os


class PenstockError(Exception):
    """Penstock could not go on."""

    exit_code = 1

    def __str__(self) -> str:
        lead = (type(self).__doc__ or "").rstrip(".")
        detail = super().__str__()
        if not detail:
            return f"{lead}."
        return f"{lead}:{detail}" if detail.startswith("\n") else f"{lead}: {detail}"


class TableRefused(PenstockError):
    """The routing table has problems."""

    exit_code = 2


class CertificateRefused(PenstockError):
    """The certificate for TLS cannot be served."""

    exit_code = 2


class ExpectationsUnmet(PenstockError):
    """The routing table does not do what is expected of it."""

    exit_code = 2


class FileUnusable(PenstockError):
    """The file cannot be read."""


class AddressInUse(PenstockError):
    """The address is in use or not ours to listen on."""

    @classmethod
    def of(cls, host: str, port: int, error: OSError) -> "AddressInUse":
        """What the system said of it, in few words (asyncio's own repeat the address)."""
        words = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror or str(error)
        return cls(f"{host}:{port} ({words})")


class ProcessFailed(PenstockError):
    """A process of the proxy could not start."""


class QueueOwned(PenstockError):
    """Another process owns this offline queue."""


class QueueUnusable(PenstockError):
    """The offline queue cannot be opened."""


class QueueFailed(PenstockError):
    """The offline queue could not do this now."""


class AdminUnreachable(PenstockError):
    """No running proxy answers there."""


class FileUnwritable(PenstockError):
    """The file cannot be written."""


class RecordingRefused(PenstockError):
    """The proxy does not record."""


class RecordingCut(PenstockError):
    """The recording was cut off."""


class RecordingIncomplete(PenstockError):
    """The recording is incomplete."""
