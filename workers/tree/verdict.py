"""Errors on their way through a slot: to a status and words, and back to the error that the caller gets."""

from workers.errors import BadInput, Expired, ModelFailed, NotReady, Overloaded
from workers.oip.datatypes import BadTensor
from workers.tree.slot import Status

STATUSES: dict[type[Exception], Status] = {
    BadTensor: Status.BAD_TENSOR,
    BadInput: Status.BAD_INPUT,
    Overloaded: Status.OVERLOADED,
    NotReady: Status.NOT_READY,
    ModelFailed: Status.MODEL_FAILED,
    Expired: Status.EXPIRED,
}
ERRORS = {status: error for error, status in STATUSES.items()}


def status_of(error: Exception) -> Status:
    """What a slot says of an error; one that nobody named is the model's."""
    return STATUSES.get(type(error), Status.MODEL_FAILED)


def error_of(status: int, said: str) -> Exception:
    """What the caller is told."""
    kind = ERRORS[Status(status)]
    return kind(said or "the deadline passed before the inference ended")
