"""Which files are a queue, and what is said of those that are none."""

import os
import sqlite3
import stat
from pathlib import Path

import pytest

from proxy.errors import QueueOwned, QueueUnusable
from proxy.offline import database
from proxy.offline.database import SCHEMA_VERSION, open_database
from proxy.offline.ownership import Ownership

CHECKED = 1_000_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "q.db"


def made(path: Path) -> Path:
    open_database(path, CHECKED).close()
    return path


def edited(path: Path, *statements: str) -> Path:
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()
    return path


def test_a_new_file_is_a_queue_that_its_owner_alone_can_read(path: Path) -> None:
    """Payloads are other people's business."""
    connection = open_database(path, CHECKED)
    connection.execute("SELECT COUNT(*) FROM tickets")
    for name in ("q.db", "q.db-wal"):
        assert stat.S_IMODE((path.parent / name).stat().st_mode) == 0o600
    connection.close()


def test_a_queue_opens_again_with_its_settings(path: Path) -> None:
    """Settings of a connection are not kept in the file: each opening makes them."""
    connection = open_database(made(path), CHECKED)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert connection.execute("PRAGMA foreign_keys").fetchone() == (1,)
    assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
    connection.close()


def test_no_other_connection_gets_in_while_the_queue_is_open(path: Path) -> None:
    """Two connections can corrupt the write-ahead log of the SQLite that Debian 12 ships."""
    connection = open_database(path, CHECKED)
    other = sqlite3.connect(path, timeout=0.0)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("SELECT COUNT(*) FROM tickets").fetchone()
    other.close()
    connection.close()


def test_a_file_in_use_by_another_program_is_unusable(path: Path) -> None:
    """Someone looks into it with a shell: say so, in place of hanging."""
    other = sqlite3.connect(made(path), timeout=0.0, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(QueueUnusable, match="locked"):
        open_database(path, CHECKED)
    other.close()


def test_a_newer_schema_is_not_touched(path: Path) -> None:
    """After a roll-back of the program, the newer one's tickets must still be there."""
    edited(made(path), "PRAGMA user_version = 99")
    with pytest.raises(QueueUnusable, match=r"newer version \(schema 99; this one knows 1\)"):
        open_database(path, CHECKED)


def test_another_programs_database_is_not_touched(path: Path) -> None:
    """A wrong path must not put tickets among someone's accounts."""
    edited(path, "CREATE TABLE accounts (id)")
    with pytest.raises(QueueUnusable, match="another program"):
        open_database(path, CHECKED)


def corrupt(path: Path) -> Path:
    connection = sqlite3.connect(made(path), isolation_level=None)
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.executemany(
        "INSERT INTO envelopes (seq, data) VALUES (?, ?)", [(n, b"x" * 3000) for n in range(50)]
    )
    (page,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'envelopes'").fetchone()
    connection.close()
    with path.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xff" * 4096)
    return path


def test_a_corrupt_file_is_unusable(path: Path) -> None:
    """It is found at the start, not by the first caller whose ticket lies there."""
    with pytest.raises(QueueUnusable, match=r"corrupt|malformed"):
        open_database(corrupt(path), CHECKED)


def test_a_file_beyond_the_limit_is_opened_without_looking_through_it(path: Path) -> None:
    """A start that reads four gigabytes would keep the proxy down for as long."""
    connection = open_database(corrupt(path), 0)
    assert connection.execute("SELECT COUNT(*) FROM tickets").fetchone() == (0,)
    connection.close()


def test_a_file_that_cannot_be_written_is_unusable(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is found at the start, not with the first request that finds no model server."""
    made(path)
    connect = sqlite3.connect
    monkeypatch.setattr(
        database.sqlite3,
        "connect",
        lambda path, **options: connect(f"file:{path}?mode=ro", uri=True, **options),
    )
    with pytest.raises(QueueUnusable, match="readonly"):
        open_database(path, CHECKED)


def test_a_place_without_a_write_ahead_log_is_unusable(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some network file systems give none; without it the promises do not hold."""
    connect = sqlite3.connect
    monkeypatch.setattr(database.sqlite3, "connect", lambda _, **options: connect(":memory:", **options))
    with pytest.raises(QueueUnusable, match=r"no write-ahead log \(journal mode 'memory'\)"):
        open_database(path, CHECKED)


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    """And not made: it may be a volume that was not mounted."""
    with pytest.raises(QueueUnusable, match=r"nowhere/q\.db: No such file or directory"):
        open_database(tmp_path / "nowhere" / "q.db", CHECKED)


def test_a_lock_names_its_holder_and_is_free_after_release(path: Path) -> None:
    """The next start must not wait for a file to be removed by hand."""
    first = Ownership(path)
    with pytest.raises(QueueOwned, match=f"belongs to process {os.getpid()}$"):
        Ownership(path)
    first.release()
    first.release()
    second = Ownership(path)
    second.release()


def test_a_lock_without_a_name_is_held_all_the_same(path: Path) -> None:
    """Between taking the lock and writing its number, the owner has none."""
    first = Ownership(path)
    first.path.write_bytes(b"")
    with pytest.raises(QueueOwned, match="process unknown"):
        Ownership(path)
    first.release()
