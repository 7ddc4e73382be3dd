"""What this process has open, by the names of the files."""

from pathlib import Path


def open_files(name: str) -> int:
    """How many descriptors are of files with this in their names; of all others the test knows nothing."""
    count = 0
    for link in Path("/proc/self/fd").iterdir():
        try:
            count += name in str(link.readlink())
        except FileNotFoundError:  # the descriptor of the folder that is looked into
            continue
    return count
