"""Whether a request was made by a page of another site in an operator's browser.

The admin side has no login, and who may change a table may run code: a page from anywhere, open in a
browser on the same machine, must not be able to. Programs send neither of the two fields, and pass.
"""

import ipaddress
from urllib.parse import urlsplit


def is_foreign(*, host: str, origin: str | None, fetch_site: str | None, on_loopback: bool) -> bool:
    """By the fields `Host`, `Origin` and `Sec-Fetch-Site`; `on_loopback`: the server listens there alone.

    A server on loopback is asked by a page of its own only under a name of loopback: any other name was
    made to point here by somebody else (DNS rebinding).
    """
    if fetch_site not in (None, "none", "same-origin"):
        return True
    if origin is None:
        return False
    if on_loopback and not _is_local(host):
        return True
    return urlsplit(origin).netloc.lower() != host.lower()


def _is_local(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
