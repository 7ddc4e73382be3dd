"""From a table's text to what a snapshot is built of: the table and its labelers, or all problems.

Labelers are built while the table is read, so that what is wrong with them is reported with the rest.
"""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import msgspec

from labelers.errors import BadLabeler
from labelers.registry import build
from proxy.errors import TableRefused
from proxy.labeling import BURST_EVENT, Counts, Labeler, Labeling
from proxy.observe.burst import Burst
from proxy.ports import Clock, Log
from proxy.routing.parse import parse_table
from proxy.routing.problems import Problems
from proxy.routing.table import LabelerSpec, Table
from proxy.watchdog import Watching


class Loaded(msgspec.Struct, frozen=True):
    """A table that can be served."""

    table: Table
    labeling: Labeling


class Loader:
    """Loads tables for one process: the labelers of all of them count and log into the same places."""

    def __init__(self, *, environ: Mapping[str, str], clock: Clock, log: Log, watchdog: Watching) -> None:
        self._environ = environ
        self._clock = clock
        self._log = log
        self._watchdog = watchdog
        self._counts: Counts = Counter()
        self._burst = Burst(BURST_EVENT, clock=clock, log=log)

    def load(self, path: Path, data: bytes) -> Loaded | Problems:
        """The table in `data`; files that its labelers name are relative to `path`'s folder."""
        labelers: list[Labeler] = []

        def build_labeler(spec: LabelerSpec) -> str | None:
            try:
                call = build(spec.use, spec.options, base=path.parent)
            except BadLabeler as error:
                return str(error)
            labelers.append(
                Labeler(use=spec.use, call=call, default=spec.default, budget_s=spec.budget_s, line=spec.line)
            )
            return None

        table = parse_table(data, self._environ, build_labeler)
        if isinstance(table, Problems):
            return table
        labeling = Labeling(
            labelers,
            clock=self._clock,
            log=self._log,
            watchdog=self._watchdog,
            counts=self._counts,
            burst=self._burst,
        )
        return Loaded(table, labeling)


def load_file(loader: Loader, path: Path) -> Loaded:
    """The table in a file. Raises TableRefused with all problems."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise TableRefused(f"{path}: {error.strerror}") from error
    loaded = loader.load(path, data)
    if isinstance(loaded, Problems):
        raise TableRefused("\n" + "\n".join(loaded.lines(str(path))))
    return loaded
