"""What holds for every test."""

import os

import hypothesis
import pytest

from proxy.tiers import chain

# No deadline: how long an example takes on a busy machine is no property of the code. The blob is what
# replays a failing example on another machine.
hypothesis.settings.register_profile("penstock", deadline=None, print_blob=True)
hypothesis.settings.load_profile("penstock")


GZIP_MAGIC = b"\x1f\x8b"


def pytest_make_parametrize_id(val: object) -> str | None:
    """A packed body bears the time of its making; a test must have one name in all processes of a run."""
    return "packed" if isinstance(val, bytes) and val.startswith(GZIP_MAGIC) else None


def pytest_report_header() -> str:
    """Which of the twins is under test."""
    return f"hot path: {chain.__file__}"


def pytest_sessionstart(session: pytest.Session) -> None:
    """A run that is to test the compiled hot path must not silently test the plain one."""
    is_compiled = not str(chain.__file__).endswith(".py")
    if is_compiled != (os.environ.get("PENSTOCK_COMPILED") == "1"):
        raise pytest.UsageError(f"PENSTOCK_COMPILED says otherwise, but the hot path is {chain.__file__}")
