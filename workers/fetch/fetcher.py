"""Fetches one picture: every hop's URL and address checked, its bytes, time and pixels bounded."""

import asyncio
import io
from collections.abc import Callable
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp.abc import AbstractResolver
from PIL import Image, UnidentifiedImageError
from yarl import URL

from workers.errors import Overloaded
from workers.fetch.addresses import why_not
from workers.fetch.errors import Forbidden, Unfetched
from workers.fetch.limits import FetchLimits
from workers.fetch.resolver import Guarded
from workers.fetch.urls import literal_of, read_url
from workers.pictures import FORMATS

REDIRECTS = frozenset((301, 302, 303, 307, 308))
PIECE_BYTES = 64 * 1024
HEADERS = {"Accept": "image/*", "Accept-Encoding": "identity", "User-Agent": "penstock"}


class Fetcher:
    """Use it as an async context. `resolver` and `refuse` are passed in for tests."""

    def __init__(
        self,
        limits: FetchLimits,
        resolver: AbstractResolver | None = None,
        refuse: Callable[[str], str] = why_not,
    ) -> None:
        self._limits = limits
        self._resolver = resolver
        self._refuse = refuse
        self._running = 0

    async def __aenter__(self) -> Self:
        inner = self._resolver or aiohttp.ThreadedResolver()
        connector = aiohttp.TCPConnector(
            resolver=Guarded(inner, self._refuse), use_dns_cache=False, limit=self._limits.fetches_max
        )
        self._session = aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False, headers=HEADERS
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    @property
    def limits(self) -> FetchLimits:
        """What it was made with."""
        return self._limits

    async def fetch(self, text: str) -> bytes:
        """The picture at a URL. Raises Forbidden, Unfetched or Overloaded, with words for the caller."""
        if self._running >= self._limits.fetches_max:
            raise Overloaded(f"{self._running} pictures are being fetched already")
        self._running += 1
        try:
            async with asyncio.timeout(self._limits.fetch_s_max):
                raw = await self._follow(text)
        except TimeoutError as error:
            raise Unfetched(f"the picture did not arrive within {self._limits.fetch_s_max} s") from error
        except (aiohttp.ClientError, OSError) as error:
            cause = error.__cause__
            if isinstance(cause, Forbidden):
                raise cause from None
            raise Unfetched(f"the picture could not be fetched: {type(error).__name__}") from error
        finally:
            self._running -= 1
        check_picture(raw, self._limits.pixels_max)
        return raw

    async def _follow(self, text: str) -> bytes:
        url = read_url(text, self._limits)
        for _ in range(self._limits.redirects_max + 1):
            address = literal_of(url)  # a literal is never resolved
            reason = self._refuse(address) if address else ""
            if reason:
                raise Forbidden(f"pictures are not fetched from '{address}': {reason}")
            async with self._session.get(url, allow_redirects=False) as response:
                if response.status not in REDIRECTS:
                    return await self._read(response)
                onward = response.headers.get("Location", "")
            url = read_url(_joined(url, onward), self._limits)
        raise Forbidden(f"the picture is behind more than {self._limits.redirects_max} redirects")

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        limit = self._limits.bytes_max
        if response.status != 200:
            kind = Forbidden if 400 <= response.status < 500 else Unfetched
            raise kind(f"the picture's server answered {response.status}")
        if not response.content_type.startswith("image/"):
            raise Forbidden(f"what was fetched is '{response.content_type[:100]}', not a picture")
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise Forbidden("the picture came compressed once more")
        if (response.content_length or 0) > limit:
            raise Forbidden(f"the picture has {response.content_length} bytes; the limit is {limit}")
        pieces = bytearray()
        async for piece in response.content.iter_chunked(PIECE_BYTES):
            pieces += piece
            if len(pieces) > limit:
                raise Forbidden(f"the picture has more than {limit} bytes")
        return bytes(pieces)


def check_picture(raw: bytes, pixels_max: int) -> None:
    """Raise Forbidden unless it is a picture of bearable size, by its head alone: nothing is unpacked."""
    try:
        with Image.open(io.BytesIO(raw), formats=FORMATS) as picture:
            width, height = picture.size
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Forbidden(f"the picture has more than {pixels_max} pixels") from error
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise Forbidden("what was fetched is no picture in a known format") from error
    if width * height > pixels_max:
        raise Forbidden(f"the picture has {width} x {height} pixels; the limit is {pixels_max}")


def _joined(url: URL, onward: str) -> str:
    try:
        return str(url.join(URL(onward)))
    except (ValueError, TypeError) as error:
        raise Forbidden("the picture's server redirects to what is no URL") from error
