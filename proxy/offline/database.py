"""Opens the queue's database file: makes it, or makes sure that it is ours and whole.

`synchronous=FULL` and WAL: a commit that has returned survives the loss of power. One connection, ever:
SQLite before 3.50.7 can corrupt a WAL that two connections write or checkpoint at once. The exclusive
locking mode keeps the `sqlite3` shell out too, as long as the queue is open.
"""

import os
import sqlite3
from importlib.resources import files
from pathlib import Path

from proxy.errors import QueueUnusable
from proxy.offline.statements import ORPHANED

APPLICATION_ID = 0x50454E53
"""'PENS', in the header of the file."""

SCHEMA_VERSION = 1

WAL_BYTES_KEPT = 64 * 1024 * 1024
"""A write-ahead log that grew beyond this is cut back after the next checkpoint."""


def open_database(path: Path, checked_bytes_max: int) -> sqlite3.Connection:
    """The connection, for one thread at a time. Raises QueueUnusable with what is wrong with the file."""
    try:
        _make(path)
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=0.0)
    except (OSError, sqlite3.Error) as error:
        raise QueueUnusable(f"{path}: {_said(error)}") from error
    try:
        _prepare(connection, path, checked_bytes_max)
    except sqlite3.Error as error:
        connection.close()
        raise QueueUnusable(f"{path}: {_said(error)}") from error
    except QueueUnusable:
        connection.close()
        raise
    return connection


def _make(path: Path) -> None:
    """The file exists, readable by its owner alone, and its name is durable."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _prepare(connection: sqlite3.Connection, path: Path, checked_bytes_max: int) -> None:
    run = connection.execute
    (application,) = run("PRAGMA application_id").fetchone()
    (version,) = run("PRAGMA user_version").fetchone()
    (tables,) = run("SELECT COUNT(*) FROM sqlite_schema").fetchone()
    if application != APPLICATION_ID and tables:
        raise QueueUnusable(f"{path}: this database belongs to another program")
    if version > SCHEMA_VERSION:
        raise QueueUnusable(
            f"{path}: written by a newer version (schema {version}; this one knows {SCHEMA_VERSION})"
        )
    run("PRAGMA locking_mode = EXCLUSIVE")
    (mode,) = run("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise QueueUnusable(f"{path}: this file system gives no write-ahead log (journal mode '{mode}')")
    run("PRAGMA synchronous = FULL")
    run("PRAGMA foreign_keys = ON")
    run("PRAGMA cell_size_check = ON")
    run("PRAGMA trusted_schema = OFF")
    run(f"PRAGMA journal_size_limit = {WAL_BYTES_KEPT}")
    if version < SCHEMA_VERSION:
        _create(connection)
    elif path.stat().st_size <= checked_bytes_max:
        (found,) = run("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise QueueUnusable(f"{path}: corrupt: {found}")
    run("BEGIN IMMEDIATE")  # a file that cannot be written is found now, not with the first ticket
    run(f"PRAGMA user_version = {SCHEMA_VERSION}")
    run(ORPHANED)
    run("COMMIT")


def _create(connection: sqlite3.Connection) -> None:
    schema = files("proxy.offline").joinpath("schema.sql").read_text(encoding="utf-8")
    connection.executescript(
        f"BEGIN IMMEDIATE; {schema}; PRAGMA application_id = {APPLICATION_ID};"
        f"PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
    )


def _said(error: OSError | sqlite3.Error) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)
