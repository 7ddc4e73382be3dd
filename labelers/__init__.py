"""Labelers: user-defined logic that reads a request's payload and puts labels on it. See README.md."""

from labelers.api import Payload
from labelers.errors import PayloadError
from labelers.tensors import Tensor

__all__ = ["Payload", "PayloadError", "Tensor"]
