"""Where real traces are: beside the project, or where PENSTOCK_TRACES says. They are not part of it."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

BESIDE = Path(__file__).parents[5] / "shared" / "traces"


@pytest.fixture
def trace() -> Callable[[str], Path]:
    """The path of a trace; the test is skipped, saying which file it needs, where it is not here."""

    def path(name: str) -> Path:
        found = Path(os.environ.get("PENSTOCK_TRACES", BESIDE)) / name
        if not found.exists():
            pytest.skip(f"not replayed: {name} is neither in ../shared/traces nor in PENSTOCK_TRACES")
        return found

    return path
