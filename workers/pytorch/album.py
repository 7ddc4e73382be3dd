"""Pictures that one model decoded and others will ask for: they stay on the device for a moment.

It decides who decodes a picture of several models, and who waits for it; it decodes nothing. A place is kept
by the picture's token (`workers/token.py`) and the side of its square, until all models that it was meant
for have had it, or newer ones crowd it out, or it is too old: a model that refused its part never comes.
"""

import threading
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any

from workers.token import Token

BYTES_MAX = 512 * 1024 * 1024  # on the device: some 3500 squares of 224
AGE_S_MAX = 10.0  # looked at when others come
WAIT_S_MAX = 1.0  # of a batch for other models' decoding; then it decodes for itself

Key = tuple[Token, int]


class Page:
    """What one model decoded at once. `pixels` is there when `ready` is set; None if nothing came of it."""

    __slots__ = ("broken", "bytes", "keys", "left", "made_s", "pixels", "ready")

    def __init__(self) -> None:
        self.made_s = 0.0
        self.pixels: Any = None
        self.broken: frozenset[int] = frozenset()  # rows that are no pictures
        self.bytes = 0
        self.keys: list[Key] = []
        self.left = 0  # how often its rows will be asked for
        self.ready = threading.Event()


class Claim:
    """Which of a batch's pictures are one's own to decode, and where the others are or will be."""

    def __init__(self) -> None:
        self.page = Page()
        self.own: list[int] = []  # places in the batch; a row of `page` each, in this order
        self.others: list[tuple[int, Page, int]] = []  # place, page, row


class Album:
    """Any thread's."""

    def __init__(self, bytes_max: int = BYTES_MAX, clock: Callable[[], float] = monotonic) -> None:
        self._bytes_max = bytes_max
        self._clock = clock
        self._lock = threading.Lock()
        self._rows: dict[Key, tuple[Page, int]] = {}
        self._pages: dict[int, Page] = {}  # that hold pixels, oldest first
        self._bytes = 0

    def claim(self, tokens: Sequence[Token | None], side: int) -> Claim:
        """Say who decodes what. Whoever claims must `settle`, whatever happens."""
        claim = Claim()
        with self._lock:
            for place, token in enumerate(tokens):
                known = None if token is None else self._rows.get((token, side))
                if known is not None:
                    claim.others.append((place, *known))
                    continue
                if token is not None and token.models > 1:
                    self._rows[token, side] = (claim.page, len(claim.own))
                    claim.page.keys.append((token, side))
                    claim.page.left += token.models - 1
                claim.own.append(place)
        return claim

    def settle(self, claim: Claim, pixels: Any = None, broken: frozenset[int] = frozenset()) -> None:
        """One's own are decoded, finished on the device; without `pixels` they are not."""
        page = claim.page
        with self._lock:
            page.broken = broken
            if pixels is None or page.left <= 0:
                self._forget(page)
            else:
                self._keep(page, pixels)
            page.ready.set()

    def take(self, claim: Claim) -> tuple[dict[int, tuple[Any, list[int], list[int]]], list[int]]:
        """The others' pictures: pixels, places and rows by page; and the places left to decode.

        Whoever reads the pixels holds them until the device has read them.
        """
        found: dict[int, tuple[Any, list[int], list[int]]] = {}
        missing: list[int] = []
        until_s = self._clock() + WAIT_S_MAX
        for place, page, row in claim.others:
            page.ready.wait(max(0.0, until_s - self._clock()))
            pixels = page.pixels
            if pixels is None or row in page.broken:
                missing.append(place)
                continue
            _, places, rows = found.setdefault(id(page), (pixels, [], []))
            places.append(place)
            rows.append(row)
        with self._lock:
            for _, page, _ in claim.others:
                page.left -= 1
                if page.left <= 0 and page.ready.is_set():
                    self._forget(page)
        return found, missing

    @property
    def bytes(self) -> int:
        """Held on the device."""
        return self._bytes

    def _keep(self, page: Page, pixels: Any) -> None:
        """Until it is forgotten; the oldest must go if it is too much, and if they are too old."""
        page.pixels, page.bytes, page.made_s = pixels, pixels.nbytes, self._clock()
        self._pages[id(page)] = page
        self._bytes += page.bytes
        while self._pages:
            oldest = next(iter(self._pages.values()))
            if self._bytes <= self._bytes_max and page.made_s - oldest.made_s <= AGE_S_MAX:
                return
            self._forget(oldest)

    def _forget(self, page: Page) -> None:
        """Its rows are found no more. With the lock held."""
        for key in page.keys:
            if self._rows.get(key, (None, 0))[0] is page:
                del self._rows[key]
        page.keys = []
        if self._pages.pop(id(page), None) is not None:
            self._bytes -= page.bytes
        page.pixels = None
