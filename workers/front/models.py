"""Asking a pool as both protocols ask it: the model that a name means, and whether models are ready."""

from workers.entry import Entry
from workers.errors import NotReady
from workers.pool import Pool


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
    if not pool.ready(entry) and not await pool.prove(entry):
        raise NotReady(f"the model '{entry.name}' is not ready")


async def assure_all(pool: Pool) -> None:
    """Raise NotReady unless every model is ready."""
    if not pool.loaded:
        raise NotReady("the models are still loading")
    for listed in pool.index():
        await assure(pool, listed.entry)
