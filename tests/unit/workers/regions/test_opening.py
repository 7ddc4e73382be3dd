"""Which shared memory objects may be registered at all."""

import os
import stat
from pathlib import Path

import pytest

from tests.stand_ins.descriptors import open_files
from workers.regions.errors import BadRegion
from workers.regions.opening import _allowed, open_region
from workers.regions.region import Region


def region(key: str, size: int = 8, offset: int = 0) -> Region:
    return Region(name="r", key=key, size=size, offset=offset)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one object of 16 bytes, and a file beside the folder."""
    (tmp_path / "objects").mkdir()
    (tmp_path / "objects" / "a").write_bytes(bytes(range(16)))
    (tmp_path / "secret").write_bytes(bytes(16))
    return tmp_path / "objects"


@pytest.mark.parametrize("key", ["/a", "a", "//a"])
def test_a_key_is_a_name_with_or_without_its_slash(folder: Path, key: str) -> None:
    """As `shm_open` takes it; and it is open for both ways."""
    file = open_region(region(key), folder)
    assert os.pwrite(file, b"x", 0) == 1
    assert os.pread(file, 2, 0) == b"x\x01"
    assert not os.get_inheritable(file)
    os.close(file)


@pytest.mark.parametrize(
    "key", ["", "/", "/b", "../secret", "/objects/a", "a/", ".", "..", "a\0", "a" * 300, "\ud800"]
)
def test_a_key_leads_nowhere_else(folder: Path, key: str) -> None:
    """A path would let a caller read and write whatever the server may."""
    with pytest.raises(BadRegion, match="Unable to open shared memory region"):
        open_region(region(key), folder)


def test_a_link_a_folder_and_a_pipe_are_refused(folder: Path) -> None:
    """A link leads out of the folder; the others cannot be read from any place."""
    (folder / "link").symlink_to(folder.parent / "secret")
    (folder / "inside").symlink_to(folder / "a")
    (folder / "folder").mkdir()
    os.mkfifo(folder / "pipe")
    for key in ("link", "inside", "folder", "pipe"):
        with pytest.raises(BadRegion, match="Unable to open"):
            open_region(region(key), folder)
    assert open_files(str(folder.parent)) == 0


@pytest.mark.parametrize(
    ("size", "offset", "good"),
    [(16, 0, True), (1, 15, True), (17, 0, False), (1, 16, False), (0, 0, False), (8, 2**64, False)],
)
def test_a_region_lies_inside_its_object(folder: Path, size: int, offset: int, good: bool) -> None:
    """In Triton's words; nothing stays open where it does not."""
    if good:
        os.close(open_region(region("a", size, offset), folder))
    else:
        with pytest.raises(BadRegion, match="failed to register shared memory region 'r': invalid args"):
            open_region(region("a", size, offset), folder)
    assert open_files(str(folder.parent)) == 0


ME, MINE, OTHER = os.geteuid(), os.getegid(), 54_321


@pytest.mark.parametrize(
    ("mode", "user", "group", "good"),
    [
        (0o600, ME, OTHER, True),
        (0o400, ME, OTHER, False),
        (0o600, OTHER, OTHER, False),
        (0o066, OTHER, OTHER, True),
        (0o660, OTHER, MINE, True),
        (0o606, OTHER, MINE, False),
        (0o644, OTHER, OTHER, False),
    ],
)
def test_the_objects_mode_counts_for_root_too(mode: int, user: int, group: int, good: bool) -> None:
    """Callers of all users speak to one server: it must not lend them what only its user may."""
    found = os.stat_result((stat.S_IFREG | mode, 1, 1, 1, user, group, 16, 0, 0, 0))
    assert _allowed(found) is good


def test_an_object_that_may_be_read_only_is_refused(folder: Path) -> None:
    """Outputs go into regions as well."""
    (folder / "a").chmod(0o400)
    with pytest.raises(BadRegion, match="Unable to open"):
        open_region(region("a"), folder)
