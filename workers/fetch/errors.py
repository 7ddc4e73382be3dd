"""What can go wrong when a picture is fetched."""

from workers.errors import BadInput, WorkerError


class Forbidden(BadInput):
    """The URL leads where fetching is not allowed, or to what is no picture: HTTP 400."""


class Unfetched(WorkerError):
    """The picture's server failed, or took too long: HTTP 502."""
