"""The port between a front, which speaks to callers, and the models, wherever they run."""

import asyncio
from typing import Any, Protocol

import msgspec

from workers.entry import Entry
from workers.oip.tensors import InferRequest
from workers.ports import Tensors
from workers.statistics import ModelStatistics

Key = tuple[str, str]
"""A model's name and version."""


def key_of(entry: Entry) -> Key:
    """Under what a model is found."""
    return entry.name, entry.version


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """One model in the repository's index."""

    entry: Entry
    ready: bool
    reason: str = ""


class Infers(Protocol):
    """Whatever runs an inference."""

    def infer(
        self, entry: Entry, request: InferRequest, deadline_s: float | None, rank: int = 0
    ) -> "asyncio.Future[Tensors]":
        """Begin an inference; cancelling the future says that its caller left.

        `deadline_s` is on the monotonic clock; `rank` is the request's criticality, 0 the most critical.
        Raises BadTensor, Overloaded, NotReady, TooBig or Expired at once; the future may raise these too, and
        what the model raises. All that `request` refers to may be let go of when this returns.
        """
        ...


class Pool(Infers, Protocol):
    """All models of this server. It belongs to the front's event loop."""

    @property
    def loaded(self) -> bool:
        """Whether all models were there once."""
        ...

    def find(self, name: str, version: str = "") -> Entry | None:
        """A model; without a version its highest."""
        ...

    def versions(self, name: str) -> list[str]:
        """All versions of a model, lowest first."""
        ...

    def index(self) -> list[Listed]:
        """All models."""
        ...

    def ready(self, entry: Entry) -> bool:
        """Whether the model is loaded and a real inference succeeded lately."""
        ...

    async def prove(self, entry: Entry) -> bool:
        """Give a model in doubt a chance: its sample is sent through it. Whether it is ready then."""
        ...

    def statistics(self, entry: Entry) -> ModelStatistics:
        """What it has done, over all processes."""
        ...

    async def load_model(self, name: str, override: dict[str, Any] | None = None) -> None:
        """Load it, or load it anew, with all its versions. Raises Unusable, and the old one serves on.

        `override`: parts of its configuration, in Triton's terms, that differ until it is loaded again.
        """

    async def unload_model(self, name: str) -> None:
        """Let it go, with all its versions. Raises Unusable if there is none."""


def rank_of(version: str) -> tuple[int, str]:
    """By what versions are ordered: numbers by size, above all words."""
    return (int(version), "") if version.isdecimal() else (-1, version)
