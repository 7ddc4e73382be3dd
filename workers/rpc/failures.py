"""Failures as gRPC statuses. Overload is never UNKNOWN or INTERNAL, which callers take for a broken model."""

import grpc

from workers.body import TooLarge
from workers.errors import BadInput, Expired, ModelFailed, NotReady, Overloaded, TooBig, Unusable
from workers.fetch.errors import Unfetched
from workers.front.models import Unknown
from workers.oip.datatypes import BadTensor
from workers.regions.errors import NoRegion, RegionTaken

CODES: dict[type[BaseException], grpc.StatusCode] = {
    RegionTaken: grpc.StatusCode.ALREADY_EXISTS,  # before its kind
    NoRegion: grpc.StatusCode.NOT_FOUND,
    BadTensor: grpc.StatusCode.INVALID_ARGUMENT,
    BadInput: grpc.StatusCode.INVALID_ARGUMENT,
    TooLarge: grpc.StatusCode.RESOURCE_EXHAUSTED,
    TooBig: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Overloaded: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Unfetched: grpc.StatusCode.UNAVAILABLE,
    NotReady: grpc.StatusCode.UNAVAILABLE,
    Expired: grpc.StatusCode.DEADLINE_EXCEEDED,
    Unknown: grpc.StatusCode.NOT_FOUND,
    ModelFailed: grpc.StatusCode.INTERNAL,
    Unusable: grpc.StatusCode.INTERNAL,  # as Triton has it: a load that failed is no fault of the message
}


def code_of(error: BaseException) -> grpc.StatusCode:
    """The status of one of the errors in CODES, or of one of their kinds."""
    return next(code for kind, code in CODES.items() if isinstance(error, kind))
