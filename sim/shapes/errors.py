"""The errors that a shape ends with; the docstring is the message's first sentence."""

from proxy.errors import PenstockError


class TraceRefused(PenstockError):
    """The trace file cannot be replayed."""

    exit_code = 2


class ShapeRefused(PenstockError):
    """The shape cannot be drawn."""

    exit_code = 2
