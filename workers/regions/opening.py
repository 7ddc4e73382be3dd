"""From a key to a descriptor: which shared memory objects may be registered at all.

A key is a name in the folder of `shm_open` and nothing else: no path, no link. What the object's owner, group
and mode do not allow to this process's user is refused even to root, so that a caller of another user gets no
more through this server than that user gave away.
"""

import os
import stat
from pathlib import Path
from typing import Final

from workers.regions.errors import BadRegion
from workers.regions.region import Region

FOLDER: Final = Path("/dev/shm")  # noqa: S108 - where shm_open has its objects
_FLAGS: Final = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC


def open_region(region: Region, folder: Path = FOLDER) -> int:
    """Its object's descriptor, for reading and writing. Raises BadRegion."""
    name = region.key.lstrip("/")
    unopened = BadRegion(f"Unable to open shared memory region: '{region.key}'")
    if not name or "/" in name or "\0" in name or name in (".", ".."):
        raise unopened
    try:
        file = os.open(folder / name, _FLAGS)
    except (OSError, UnicodeEncodeError) as error:
        raise unopened from error
    try:
        _check(file, region)
    except BaseException:
        os.close(file)
        raise
    return file


def _check(file: int, region: Region) -> None:
    found = os.fstat(file)
    if not stat.S_ISREG(found.st_mode):
        raise BadRegion(f"Unable to open shared memory region: '{region.key}'")
    if not _allowed(found):
        raise BadRegion(
            f"Unable to open shared memory region: '{region.key}': its mode does not let this server's user "
            "read and write it"
        )
    if not 0 < region.size <= found.st_size - region.offset:
        raise BadRegion(f"failed to register shared memory region '{region.name}': invalid args")


def _allowed(found: os.stat_result) -> bool:
    """Whether owner, group and mode let this user read and write, root's rights left aside."""
    if found.st_uid == os.geteuid():
        wanted = stat.S_IRUSR | stat.S_IWUSR
    elif found.st_gid == os.getegid() or found.st_gid in os.getgroups():
        wanted = stat.S_IRGRP | stat.S_IWGRP
    else:
        wanted = stat.S_IROTH | stat.S_IWOTH
    return found.st_mode & wanted == wanted
