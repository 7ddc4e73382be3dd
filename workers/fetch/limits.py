"""The limits of fetching: where to, how much, how long."""

import msgspec


class FetchLimits(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of `hosts` is `HOST`, `HOST:PORT`, or either with `*.DOMAIN` (not the bare domain) for HOST.

    Without a port it is the scheme's own. No entry: nothing is fetched.
    """

    hosts: tuple[str, ...] = ()
    bytes_max: int = 20 * 1024 * 1024  # of one picture as it arrives
    pixels_max: int = 40_000_000  # read from the picture's head, before anything is unpacked
    fetch_s_max: float = 5.0  # for all of one picture, redirects and the resolver included
    redirects_max: int = 3
    fetches_max: int = 64  # at once; beyond it 503
    url_chars_max: int = 4096
    pictures_max: int = 16  # of one request
