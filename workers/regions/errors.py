"""What can go wrong with regions. The words that callers' programs look for are Triton's."""

from workers.errors import BadInput, WorkerError


class BadRegion(BadInput):
    """It cannot be registered, or a place in it cannot be used: HTTP 400."""


class RegionTaken(BadRegion):
    """There is one of that name: HTTP 400, gRPC ALREADY_EXISTS."""


class NoRegion(WorkerError):
    """There is none of that name: HTTP 404, gRPC NOT_FOUND."""
