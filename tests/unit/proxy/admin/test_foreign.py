"""Pages of other sites: what they may not have a browser ask of the admin side."""

import pytest

from proxy.admin.foreign import is_foreign

HERE = "127.0.0.1:9090"


@pytest.mark.parametrize(
    ("host", "origin", "fetch_site"),
    [
        (HERE, "https://evil.example", None),
        (HERE, "http://127.0.0.1:8000", None),
        (HERE, "null", None),
        (HERE, None, "cross-site"),
        (HERE, None, "same-site"),
        ("evil.example:9090", "http://evil.example:9090", "same-origin"),
        ("::::", "http://::::", None),
    ],
)
def test_a_page_of_another_site_is_foreign(host: str, origin: str | None, fetch_site: str | None) -> None:
    """By its origin, by what the browser says of it, or by a name that only DNS made ours."""
    assert is_foreign(host=host, origin=origin, fetch_site=fetch_site, on_loopback=True)


@pytest.mark.parametrize(
    ("host", "origin", "fetch_site", "on_loopback"),
    [
        ("penstock-admin:9090", None, None, True),
        (HERE, None, "none", True),
        (HERE, f"http://{HERE}", "same-origin", True),
        ("localhost:9090", "http://localhost:9090", None, True),
        ("[::1]:9090", "http://[::1]:9090", None, True),
        ("console.example", "https://console.example", None, False),
    ],
)
def test_programs_and_our_own_pages_are_not(
    host: str, origin: str | None, fetch_site: str | None, on_loopback: bool
) -> None:
    """A probe sends neither field; a console's page has our own origin."""
    assert not is_foreign(host=host, origin=origin, fetch_site=fetch_site, on_loopback=on_loopback)
