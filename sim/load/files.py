"""How many connections the system lets a process open."""

import resource

SPARE = 64
"""Files that are no connections of the load."""


def files_max() -> int:
    """As many as this process may ask for."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[1]


def allow_files(connections_max: int) -> None:
    """Ask for what so many connections need, as far as it goes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(connections_max + SPARE, hard)
    if wanted > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
