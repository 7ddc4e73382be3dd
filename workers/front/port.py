"""What the front asks of whoever runs the models. Never how they are run."""

import asyncio
from typing import Any, Protocol

import msgspec

from workers.entry import Entry
from workers.oip.tensors import InferRequest
from workers.ports import Tensors


class Duration(msgspec.Struct, frozen=True, kw_only=True):
    """How often something happened, and the time it took in all."""

    count: int = 0
    ns: int = 0


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """What one model has done since it was loaded, in the terms of the protocol's statistics extension."""

    inference_count: int = 0  # rows, or requests where a model does not batch
    execution_count: int = 0  # calls of the backend
    last_inference_ms: int = 0  # its end, since 1970
    success: Duration = Duration()
    fail: Duration = Duration()
    queue: Duration = Duration()
    compute_input: Duration = Duration()
    compute_infer: Duration = Duration()
    compute_output: Duration = Duration()
    batches: dict[int, tuple[Duration, Duration, Duration]] = {}  # by rows: input, infer, output
    shared: dict[str, int] = {}  # of a set: pictures, and fetches and decodes done and saved


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a model in the repository. `wanted` False: unloaded on somebody's word."""

    name: str
    version: str
    ready: bool
    reason: str = ""
    wanted: bool = True


class Pool(Protocol):
    """The models. Everything here belongs to the front's event loop; no call blocks it."""

    def find(self, name: str, version: str = "") -> Entry | None:
        """A model; without a version its highest."""
        ...

    def versions(self, name: str) -> list[str]:
        """All versions of a model, lowest first."""
        ...

    def index(self) -> list[Standing]:
        """All that the repository holds, loaded or not."""
        ...

    def infer(
        self, entry: Entry, request: InferRequest, deadline_s: float | None, rank: int = 0
    ) -> "asyncio.Future[Tensors]":
        """Queue an inference. `deadline_s` is on the monotonic clock; `rank` 0 is the most critical.

        Raises Overloaded, NotReady or Expired at once; the future may raise Expired too, and what the model
        raises. Cancelling it says that the caller has left.
        """
        ...

    def ready(self, entry: Entry) -> bool:
        """Whether a real inference of this model succeeded lately."""
        ...

    def statistics(self, entry: Entry) -> Statistics:
        """Counts and times so far."""
        ...

    async def load_model(self, name: str, override: dict[str, Any] | None = None) -> None:
        """Load all versions, anew if they are loaded; a failed load keeps the old. Raises Unusable.

        `override` is a part of the model's configuration in the protocol's terms.
        """

    async def unload_model(self, name: str) -> None:
        """Stop answering for a model. Raises Unusable if there is none."""
