"""Where a tensor lies in shared memory, as its parameters say it: the shared memory extension. Pure."""

from typing import Any, Final

import msgspec

from workers.oip.datatypes import BadTensor

REGION: Final = "shared_memory_region"
OFFSET: Final = "shared_memory_offset"
SIZE: Final = "shared_memory_byte_size"
KEYS: Final = frozenset((REGION, OFFSET, SIZE))


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a registered region. Stands for a tensor's data until it is read, or says where it goes."""

    region: str
    offset: int = 0  # bytes, from the region's start
    size: int  # bytes


def place_of(name: str, parameters: dict[str, Any]) -> Place | None:
    """The place that a tensor's parameters name, if they do. Raises BadTensor for one that cannot be."""
    if REGION not in parameters:
        return None
    region, offset, size = parameters[REGION], parameters.get(OFFSET, 0), parameters.get(SIZE)
    if type(region) is not str or not region:
        raise BadTensor(f"'{name}': {REGION} must be the name of a region")
    for key, value in ((OFFSET, offset), (SIZE, size)):
        if type(value) is not int or value < 0:
            raise BadTensor(f"'{name}': {key} must be a whole number of bytes, 0 or more")
    return Place(region=region, offset=offset, size=size or 0)
