"""Everything that can go wrong in a model server, and whose fault it is."""


class WorkerError(Exception):
    """A failure that is told in words; the message is for people."""


class BadInput(WorkerError):
    """The caller's content cannot be used, a broken picture say: HTTP 400."""


class TooBig(WorkerError):
    """The request needs more memory than a front has in all: HTTP 413."""


class Overloaded(WorkerError):
    """The model's queue is full: HTTP 503 with `Retry-After`. Never 500, which clients retry at once."""


class Expired(WorkerError):
    """The request's deadline passed before work on it began: HTTP 503."""


class NotReady(WorkerError):
    """The model is still loading, or its process died: HTTP 503 with `Retry-After`."""


class ModelFailed(WorkerError):
    """The model raised: HTTP 500."""


class Unusable(WorkerError):
    """A model cannot be loaded here: it tells the operator what is missing."""


class BadRepository(WorkerError):
    """The repository cannot be served; `problems` are all that was found, with their files."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
