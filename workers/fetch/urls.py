"""Whether a URL may be fetched, by what stands in it; what its name resolves to is `resolver.py`'s. Pure."""

from ipaddress import ip_address

from yarl import URL

from workers.fetch.errors import Forbidden
from workers.fetch.limits import FetchLimits

PORTS = {"http": 80, "https": 443}


def read_url(text: str, limits: FetchLimits) -> URL:
    """The URL. Raises Forbidden, naming what is wrong but not what the allow-list holds."""
    if len(text) > limits.url_chars_max or any(ord(letter) <= 32 for letter in text):
        raise Forbidden("the picture's URL is too long, or holds spaces")
    try:
        url = URL(text)
        host, port = url.host, url.port
    except (ValueError, TypeError) as error:
        raise Forbidden(f"the picture's URL cannot be read: {error}") from error
    if url.scheme not in PORTS:
        raise Forbidden(f"pictures are fetched over http and https, not '{url.scheme}'")
    if not host or url.user is not None or url.password is not None:
        raise Forbidden("the picture's URL has no host, or a user")
    if not _listed(host.lower().rstrip("."), port or 0, PORTS[url.scheme], limits.hosts):
        raise Forbidden(f"pictures are not fetched from '{host}:{port}'")
    return url


def literal_of(url: URL) -> str:
    """The address that stands in the URL in place of a name; empty if it has a name."""
    host = url.host or ""
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return ""
    return host


def _listed(host: str, port: int, usual: int, hosts: tuple[str, ...]) -> bool:
    shown = f"[{host}]" if ":" in host else host
    labels = host.split(".")
    names = [shown, *("*." + ".".join(labels[depth:]) for depth in range(1, len(labels)))]
    wanted = {f"{name}:{port}" for name in names} | (set(names) if port == usual else set())
    return not wanted.isdisjoint(entry.lower() for entry in hosts)
