"""A registered region as a front has it open: checked, read and written by descriptor, never mapped.

Its owner may cut it off at any time. To a mapping that is SIGBUS, and the end of the process with all that
it holds; to `pread` it is a short read, and one caller's error. What was read is the server's own: whatever
its owner writes later changes no tensor that was checked.
"""

import os
from typing import Any

from workers.oip.places import Place
from workers.regions.errors import BadRegion
from workers.regions.region import Region


class Memory:
    """Open as long as anybody refers to it: the front's table, or a request that began before it went."""

    def __init__(self, region: Region, file: int) -> None:
        """The descriptor is the memory's from now on."""
        self.region = region
        self._file = file

    def __del__(self) -> None:
        os.close(self._file)

    def check(self, place: Place) -> None:
        """Raise BadRegion unless the place is inside."""
        if place.offset >= self.region.size:
            raise BadRegion(f"Invalid offset for shared memory region: '{self.region.name}'")
        if not 0 < place.size <= self.region.size - place.offset:
            raise BadRegion(f"Invalid offset + byte size for shared memory region: '{self.region.name}'")

    def read(self, place: Place) -> bytes:
        """What lies at a place that was checked. Raises BadRegion if it is not there any more."""
        try:
            data = os.pread(self._file, place.size, self.region.offset + place.offset)
        except OSError as error:
            raise BadRegion(self._failed("read", error.strerror)) from error
        if len(data) < place.size:
            raise BadRegion(self._failed("read", "its object has become smaller"))
        return data

    def write(self, place: Place, data: Any) -> None:
        """Write bytes at the start of a place that was checked and has room for them. Raises BadRegion."""
        rest = memoryview(data)
        at = self.region.offset + place.offset
        try:
            # Writing behind the end would make the object grow again, which its owner has not asked for.
            if at + len(rest) > os.fstat(self._file).st_size:
                raise BadRegion(self._failed("written", "its object has become smaller"))
            while rest:
                count = os.pwrite(self._file, rest, at)
                at += count
                rest = rest[count:]
        except OSError as error:
            raise BadRegion(self._failed("written", error.strerror)) from error

    def _failed(self, what: str, why: str | None) -> str:
        return f"shared memory region '{self.region.name}' cannot be {what}: {why}"
