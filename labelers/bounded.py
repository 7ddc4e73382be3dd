"""Built-in labelers that cannot hang: what they do is bounded by the payload's size, most of it in C.

They are called without the watchdog, which could not break them off, and give their labels canonical.
"""

from abc import ABC, abstractmethod

from labelers.api import Payload


class Bounded(ABC):
    """The base of such labelers."""

    @abstractmethod
    def labels(self, payload: Payload) -> tuple[str, ...]:
        """The labels, canonical, each once. Raises `PayloadError` and `BadYield`."""

    def __call__(self, payload: Payload) -> tuple[str, ...]:
        """The same, as of any labeler."""
        return self.labels(payload)
