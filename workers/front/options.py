"""What a front offers beside its pool's models; the same for all fronts of a server."""

import msgspec

from workers.fetch.limits import FetchLimits
from workers.front.limits import FrontLimits
from workers.regions.limits import RegionLimits
from workers.several.description import Set

NAME = "penstock worker"


class FrontOptions(msgspec.Struct, frozen=True, kw_only=True):
    """`name` is the server's in its metadata: some callers' programs look for the name of another server."""

    name: str = NAME
    sets: tuple[Set, ...] = ()
    fetching: FetchLimits = FetchLimits()
    limits: FrontLimits = FrontLimits()
    regions: RegionLimits | None = None  # of shared memory; None = not offered
