"""Fetching, attacked: real servers on the loopback, one that may be asked and one that must not be."""

import asyncio
import io
import socket
import struct
import zlib
from collections.abc import AsyncIterator, Callable

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from PIL import Image

from workers.errors import Overloaded
from workers.fetch.errors import Forbidden, Unfetched
from workers.fetch.fetcher import Fetcher
from workers.fetch.limits import FetchLimits

OUTSIDE, INSIDE = "127.0.0.1", "127.0.0.2"  # the test's own rule: this one is public, that one is not
HOST = "pictures.test"


def refuse(address: str) -> str:
    return "" if address == OUTSIDE else "it is not public"


def picture(side: int = 8) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), "red").save(buffer, "PNG")
    return buffer.getvalue()


def bomb() -> bytes:
    """A PNG whose head says 100,000 x 100,000; its few bytes would unpack to thirty gigabytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000)))


class Names(AbstractResolver):
    """A resolver that gives its answers in turn, the last for ever."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked += 1
        addresses = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            ResolveResult(hostname=host, host=each, port=port, family=socket.AF_INET, proto=0, flags=0)
            for each in addresses
        ]

    async def close(self) -> None: ...


class Site:
    """A server on one address. `hits` are the paths it was asked for."""

    def __init__(self) -> None:
        self.hits: list[str] = []
        self.port = 0
        self.replies: dict[str, Callable[[web.Request], web.StreamResponse]] = {}
        self.asked = asyncio.Event()
        self.released = asyncio.Event()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.hits.append(request.path)
        self.asked.set()
        if request.path == "/slow":
            await self.released.wait()
        if request.path == "/endless":
            response = web.StreamResponse(headers={"Content-Type": "image/png"})
            await response.prepare(request)
            for _ in range(64):
                await response.write(bytes(64 * 1024))
            return response
        return self.replies[request.path](request)


async def serve(site: Site, address: str, port: int) -> web.AppRunner:
    app = web.Application()
    app.router.add_get("/{path:.*}", site.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, address, port).start()
    site.port = runner.addresses[0][1]
    return runner


@pytest.fixture
async def outside() -> AsyncIterator[Site]:
    site = Site()
    runner = await serve(site, OUTSIDE, 0)
    site.replies["/a.png"] = lambda _: web.Response(body=picture(), content_type="image/png")
    yield site
    site.released.set()
    await runner.cleanup()


@pytest.fixture
async def inside(outside: Site) -> AsyncIterator[Site]:
    """On the same port as the one outside, so that only the address tells them apart."""
    site = Site()
    runner = await serve(site, INSIDE, outside.port)
    site.replies["/a.png"] = lambda _: web.Response(body=picture(), content_type="image/png")
    yield site
    await runner.cleanup()


def fetcher(site: Site, *answers: list[str], **limits: object) -> Fetcher:
    hosts = (f"{HOST}:{site.port}", f"{INSIDE}:{site.port}", f"other.test:{site.port}")
    return Fetcher(
        FetchLimits(hosts=hosts, **limits),  # type: ignore[arg-type]
        resolver=Names(*(answers or ([OUTSIDE],))),
        refuse=refuse,
    )


def url(site: Site, path: str = "/a.png", host: str = HOST) -> str:
    return f"http://{host}:{site.port}{path}"


async def test_a_picture_of_a_listed_host_is_fetched(outside: Site) -> None:
    """Every byte as it came."""
    async with fetcher(outside) as each:
        assert await each.fetch(url(outside)) == picture()


@pytest.mark.parametrize("answer", [[INSIDE], [OUTSIDE, INSIDE], [INSIDE, OUTSIDE]])
async def test_a_name_that_resolves_inside_is_never_asked(
    outside: Site, inside: Site, answer: list[str]
) -> None:
    """One bad address among good ones is enough: which is taken would be chance."""
    async with fetcher(outside, answer) as each:
        with pytest.raises(Forbidden, match="not public"):
            await each.fetch(url(outside))
    assert inside.hits == outside.hits == []


async def test_a_name_that_changes_its_answer_gains_nothing(outside: Site, inside: Site) -> None:
    """DNS rebinding: what was checked is what is connected to, so the first answer is the one that counts."""
    names = Names([OUTSIDE], [INSIDE])
    limits = FetchLimits(hosts=(f"{HOST}:{outside.port}",))
    async with Fetcher(limits, resolver=names, refuse=refuse) as each:
        assert await each.fetch(url(outside)) == picture()
        assert names.asked == 1
    assert inside.hits == []
    assert outside.hits == ["/a.png"]


async def test_an_address_in_the_url_is_checked_too(outside: Site, inside: Site) -> None:
    """No resolver sees it; that it is on the list does not make it public."""
    async with fetcher(outside) as each:
        with pytest.raises(Forbidden, match="not public"):
            await each.fetch(url(outside, host=INSIDE))
    assert inside.hits == []


@pytest.mark.parametrize(
    ("onward", "words"),
    [
        ("http://127.0.0.2:{port}/a.png", "not public"),
        ("http://unlisted.test:{port}/a.png", "not fetched from"),
        ("//other.test:1/a.png", "not fetched from"),
        ("file:///etc/passwd", "over http"),
        ("http://[::1/", "no URL"),
    ],
)
async def test_a_redirect_is_checked_as_the_first_url_was(
    outside: Site, inside: Site, onward: str, words: str
) -> None:
    """An open redirect on a listed host must not lead inside."""
    location = onward.format(port=outside.port)
    outside.replies["/r"] = lambda _: web.Response(status=302, headers={"Location": location})
    async with fetcher(outside) as each:
        with pytest.raises(Forbidden, match=words):
            await each.fetch(url(outside, "/r"))
    assert inside.hits == []
    assert outside.hits == ["/r"]


async def test_a_redirect_to_a_name_that_resolves_inside_is_refused(outside: Site, inside: Site) -> None:
    """The second name is resolved and checked as the first."""
    there = f"http://other.test:{outside.port}/a.png"
    outside.replies["/r"] = lambda _: web.Response(status=302, headers={"Location": there})
    async with fetcher(outside, [OUTSIDE], [INSIDE]) as each:
        with pytest.raises(Forbidden, match="not public"):
            await each.fetch(url(outside, "/r"))
    assert inside.hits == []


async def test_a_redirect_within_the_list_is_followed_but_not_for_ever(outside: Site) -> None:
    """Three hops at most."""
    outside.replies["/r"] = lambda _: web.Response(status=307, headers={"Location": "/a.png"})
    outside.replies["/ring"] = lambda _: web.Response(status=301, headers={"Location": "/ring"})
    async with fetcher(outside) as each:
        assert await each.fetch(url(outside, "/r")) == picture()
        with pytest.raises(Forbidden, match="redirects"):
            await each.fetch(url(outside, "/ring"))
    assert outside.hits.count("/ring") == 4


def _encoded(_: web.Request) -> web.Response:
    body = zlib.compress(picture())
    return web.Response(body=body, headers={"Content-Type": "image/png", "Content-Encoding": "deflate"})


@pytest.mark.parametrize(
    ("reply", "error", "words"),
    [
        (lambda _: web.Response(body=bytes(2000), content_type="image/png"), Forbidden, "2000 bytes"),
        (lambda _: web.Response(body=picture(), content_type="text/html"), Forbidden, "text/html"),
        (lambda _: web.Response(body=b"<html>", content_type="image/png"), Forbidden, "known format"),
        (lambda _: web.Response(body=b"<svg/>", content_type="image/svg+xml"), Forbidden, "known format"),
        (lambda _: web.Response(body=bomb(), content_type="image/png"), Forbidden, "pixels"),
        (lambda _: web.Response(body=picture(200), content_type="image/png"), Forbidden, "200 x 200 pixels"),
        (_encoded, Forbidden, "compressed"),
        (lambda _: web.Response(status=404), Forbidden, "404"),
        (lambda _: web.Response(status=503), Unfetched, "503"),
    ],
)
async def test_what_is_no_bearable_picture_is_refused(
    outside: Site, reply: Callable[[web.Request], web.Response], error: type[Exception], words: str
) -> None:
    """By its head alone; whose fault it is decides between 400 and 502."""
    outside.replies["/x"] = reply
    async with fetcher(outside, bytes_max=1000, pixels_max=100 * 100) as each:
        with pytest.raises(error, match=words):
            await each.fetch(url(outside, "/x"))


async def test_a_body_without_a_length_is_cut_at_the_limit(outside: Site) -> None:
    """A server that streams for ever must not fill our memory."""
    async with fetcher(outside, bytes_max=100_000) as each:
        with pytest.raises(Forbidden, match="more than 100000 bytes"):
            await each.fetch(url(outside, "/endless"))


async def test_a_server_that_does_not_answer_is_given_up(outside: Site) -> None:
    """All of one picture has one time."""
    async with fetcher(outside, fetch_s_max=0.05) as each:
        with pytest.raises(Unfetched, match=r"within 0\.05 s"):
            await each.fetch(url(outside, "/slow"))


async def test_one_above_the_limit_is_refused_at_once(outside: Site) -> None:
    """Fetches that hang must not pile up."""
    outside.replies["/slow"] = outside.replies["/a.png"]
    async with fetcher(outside, fetches_max=1) as each:
        first = asyncio.create_task(each.fetch(url(outside, "/slow")))
        await outside.asked.wait()
        with pytest.raises(Overloaded):
            await each.fetch(url(outside))
        outside.released.set()
        assert await first == picture()
        assert await each.fetch(url(outside)) == picture()


async def test_a_server_that_is_not_there_is_told() -> None:
    """502: nothing about the caller's content is known."""
    with socket.create_server((OUTSIDE, 0)) as unused:
        port = unused.getsockname()[1]
    limits = FetchLimits(hosts=(f"{HOST}:{port}",))
    async with Fetcher(limits, resolver=Names([OUTSIDE]), refuse=refuse) as each:
        with pytest.raises(Unfetched, match="could not be fetched"):
            await each.fetch(f"http://{HOST}:{port}/")


async def test_the_real_rule_refuses_the_loopback(outside: Site) -> None:
    """Without a rule passed in, this machine itself cannot be asked, by name or by address."""
    limits = FetchLimits(hosts=(f"localhost:{outside.port}", f"127.0.0.1:{outside.port}"))
    async with Fetcher(limits) as each:
        for host in ("localhost", "127.0.0.1"):
            with pytest.raises(Forbidden, match="not public"):
                await each.fetch(url(outside, host=host))
    assert outside.hits == []
