"""Failures as gRPC statuses. Overload is never UNKNOWN or INTERNAL, which callers take for a broken model."""

import grpc

from workers.body import TooLarge
from workers.errors import BadInput, Expired, ModelFailed, NotReady, Overloaded, Unusable
from workers.front.models import Unknown
from workers.oip.datatypes import BadTensor

CODES: dict[type[Exception], grpc.StatusCode] = {
    BadTensor: grpc.StatusCode.INVALID_ARGUMENT,
    BadInput: grpc.StatusCode.INVALID_ARGUMENT,
    TooLarge: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Overloaded: grpc.StatusCode.RESOURCE_EXHAUSTED,
    NotReady: grpc.StatusCode.UNAVAILABLE,
    Expired: grpc.StatusCode.DEADLINE_EXCEEDED,
    Unknown: grpc.StatusCode.NOT_FOUND,
    ModelFailed: grpc.StatusCode.INTERNAL,
    Unusable: grpc.StatusCode.INTERNAL,  # as Triton has it: a load that failed is no fault of the message
}
