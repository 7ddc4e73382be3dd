"""Asking a pool as both protocols ask it: the model that a name means, and whether models are ready."""

import asyncio
from time import monotonic

from workers.entry import Entry
from workers.errors import NotReady, WorkerError
from workers.front.port import Pool
from workers.model import sample_request
from workers.oip.datatypes import BadTensor

PROOF_S_MAX = 10.0  # for a model in doubt to answer its own sample


class Unknown(Exception):
    """There is no such model here: HTTP 404, gRPC NOT_FOUND."""


def find(pool: Pool, name: str, version: str = "") -> Entry:
    """The model. Raises Unknown."""
    entry = pool.find(name, version)
    if entry is None:
        words = f" version {version}" if version else ""
        # The first words are Triton's, which callers' programs look for.
        raise Unknown(f"Request for unknown model: there is no model '{name}'{words} here")
    return entry


async def assure(pool: Pool, entry: Entry) -> None:
    """Raise NotReady unless the model is ready; one that is in doubt gets a chance to prove itself."""
    if not pool.ready(entry):
        try:
            await pool.infer(entry, sample_request(entry), monotonic() + PROOF_S_MAX)
        except (WorkerError, BadTensor, asyncio.CancelledError) as error:
            task = asyncio.current_task()
            if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
                raise
            raise NotReady(f"the model '{entry.name}' is not ready: {error}") from error
    if not pool.ready(entry):
        raise NotReady(f"the model '{entry.name}' is not ready")


async def assure_all(pool: Pool) -> None:
    """Raise NotReady unless every model that is wanted is ready."""
    wanted = [standing for standing in pool.index() if standing.wanted]
    if not wanted:
        raise NotReady("no model is loaded")
    for standing in wanted:
        entry = pool.find(standing.name, standing.version)
        if entry is None:
            raise NotReady(f"the model '{standing.name}' is not ready: {standing.reason}")
        await assure(pool, entry)
