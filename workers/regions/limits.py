"""The limits of shared memory: how much callers may register, and how much of it one request may bring."""

import msgspec

from workers.body import BODY_BYTES_MAX


class RegionLimits(msgspec.Struct, frozen=True, kw_only=True):
    """A region holds a descriptor in every front, and its owner's memory until it is unregistered."""

    regions_max: int = 128
    bytes_max: int = 64 * 1024**3  # of all regions together
    request_bytes_max: int = BODY_BYTES_MAX  # of one request's inputs; beyond it 413, as for a body
    name_bytes_max: int = 256
    key_bytes_max: int = 255  # a file's name
