"""What the command decides by itself."""

import pytest

from workers.command import is_local


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("host.example", False),
        ("localhost.example", False),
    ],
)
def test_an_address_is_local_only_if_nobody_else_reaches_it(host: str, local: bool) -> None:
    """A name may stand for anything."""
    assert is_local(host) is local
