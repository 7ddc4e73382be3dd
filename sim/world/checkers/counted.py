"""What calls are counted by: the gate that they went through, or the application by its name.

The two differ where a reload dropped an application and a later one took it back: it may then have another
gate, while requests of the older table still go through the first.
"""

from proxy.snapshot import Snapshot


def counted_by_gate(snapshot: Snapshot, application: str) -> object:
    """The gate of an application that requests of this snapshot go through."""
    return snapshot.gates[application]


def counted_by_name(snapshot: Snapshot, application: str) -> object:
    """The application."""
    return application
