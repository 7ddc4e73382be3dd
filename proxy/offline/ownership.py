"""Who owns a queue file: at most one process, by a lock that the kernel drops when the process dies.

The lock lies beside the file, on `<file>.lock`, so that nothing ever opens the database to find out.
"""

import fcntl
import os
from pathlib import Path

from proxy.errors import QueueOwned


class Ownership:
    """Held from the start until `release`, or until the process is gone."""

    def __init__(self, path: Path) -> None:
        """Raises QueueOwned, naming the owner's process, or OSError where no lock file can be."""
        self.path = path.with_name(path.name + ".lock")
        self._file: int | None = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(self._file, 32, 0).decode(errors="replace").strip()
            self.release()
            raise QueueOwned(f"{path} belongs to process {owner or 'unknown'}") from None
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, b"%d\n" % os.getpid(), 0)

    def release(self) -> None:
        """Let the next one own it. The lock file stays: removing it would let two hold locks on two files."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)
