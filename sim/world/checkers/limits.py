"""The limits that the tables state, as a checker knows them: from the tables alone, not from the gates."""

from proxy.routing.table import Application
from proxy.snapshot import Snapshot


class Limits:
    """By application; one that the table in force has dropped keeps its last limits, for its calls go on."""

    def __init__(self) -> None:
        self._applications: dict[str, Application] = {}

    def learn(self, snapshot: Snapshot) -> None:
        """A table came into force."""
        self._applications.update(snapshot.table.applications)

    def concurrency(self, application: str) -> int | None:
        """Calls in flight at most; None = unlimited."""
        return self._applications[application].concurrency
