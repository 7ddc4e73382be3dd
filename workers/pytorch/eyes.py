"""Pictures to squares of pixels on the GPU: JPEGs through its engines, the rest as it was prepared.

A picture that cannot be decoded fails alone: what the engines refuse is tried on the CPU, one by one. One
that several models were given is decoded by the first of them; the others find its square in the album.
"""

import ctypes
import threading
from typing import Any

import numpy as np
import torch

from workers.errors import BadInput
from workers.pictures import decode_picture, squared
from workers.pixels import MAGIC, unpack
from workers.pytorch.album import Album, Claim
from workers.pytorch.benches import BENCHES, Bench, Benches
from workers.pytorch.nvjpeg import BadBatch, Decoder
from workers.pytorch.resizing import Resizer
from workers.token import bare, token_of

CANVAS_STEP = 512  # pictures whose sides are in the same step share a canvas

Raw = bytes | memoryview

ALBUM = Album()
"""Of all models in this process, which has one device."""


class Seen:
    """What became of a request's pictures: pixels n x 3 x side x side, and a word for each broken one."""

    def __init__(self, pixels: torch.Tensor, broken: dict[int, str]) -> None:
        self.pixels = pixels
        self.broken = broken


class Eyes:
    """Of one model; several threads may look at once."""

    def __init__(
        self, side: int, device: torch.device, album: Album = ALBUM, benches: Benches = BENCHES
    ) -> None:
        self._side = side
        self._device = device
        self._album = album
        self._benches = benches
        self._lock = threading.Lock()
        self._decoded = self._found = 0
        self._resizer = Resizer(side, device, torch.float16)
        benches.join(device)

    def see(self, elements: list[Raw], rows: int) -> Seen:
        """Elements to pixels, made on the current stream. Rows beyond the elements are black."""
        tokens = [token_of(raw) for raw in elements]
        with self._benches.one() as bench, torch.cuda.stream(bench[1]), torch.inference_mode():
            if any(tokens):
                claim = self._album.claim(tokens, self._side)
                return self._share(bench, claim, [bare(raw) for raw in elements], rows)
            seen = self._see(*bench, elements, rows)
            _finish()  # the elements are the caller's again
        return seen

    @property
    def looked(self) -> tuple[int, int]:
        """Pictures of several models: decoded here, and found decoded."""
        return self._decoded, self._found

    def _share(self, bench: Bench, claim: Claim, elements: list[Raw], rows: int) -> Seen:
        """Decode what is one's own, tell the others, and take theirs."""
        own = None
        try:
            size = len(claim.own) if claim.others else rows
            own = self._see(*bench, [elements[place] for place in claim.own], size)
            _finish()
        finally:
            if own is None:
                self._album.settle(claim)
            else:
                self._album.settle(claim, own.pixels, frozenset(own.broken))
        if not claim.others:
            self._count(len(claim.own), 0)
            return own
        found, missing = self._album.take(claim)
        self._count(len(claim.own) + len(missing), len(claim.others) - len(missing))
        seen = Seen(self._black(rows), {})
        self._place(seen, own, claim.own)
        if missing:
            self._place(
                seen, self._see(*bench, [elements[place] for place in missing], len(missing)), missing
            )
        for pixels, places, there in found.values():
            seen.pixels[self._index(places)] = pixels[self._index(there)]
        _finish()
        return seen

    def _place(self, seen: Seen, part: Seen, places: list[int]) -> None:
        """Rows of a part to their places in the whole."""
        if places:
            seen.pixels[self._index(places)] = part.pixels[: len(places)]
            seen.broken.update({places[row]: words for row, words in part.broken.items()})

    def _index(self, places: list[int]) -> torch.Tensor:
        return torch.tensor(places, device=self._device)

    def _black(self, rows: int) -> torch.Tensor:
        return torch.zeros((rows, 3, self._side, self._side), dtype=torch.uint8, device=self._device)

    def _count(self, decoded: int, found: int) -> None:
        with self._lock:
            self._decoded += decoded
            self._found += found

    def release(self) -> None:
        """Nothing is looked at any more."""
        self._benches.leave()

    def _see(self, decoder: Decoder, stream: Any, elements: list[Raw], rows: int) -> Seen:
        broken: dict[int, str] = {}
        ready: dict[int, Any] = {}
        groups: dict[Any, list[_Source]] = {}
        for place, raw in enumerate(elements):
            source = None if bytes(raw[:8]) == MAGIC else _Source.of(place, raw, decoder)
            if source is None:
                self._alone(place, raw, ready, broken)
            else:
                groups.setdefault(source.step, []).append(source)
        parts: list[tuple[list[_Source], torch.Tensor]] = []
        for group in groups.values():
            taken, squares = self._decode(decoder, stream, group)
            for source in group if not taken else set(group).difference(taken):
                self._alone(source.place, source.raw, ready, broken)
            if squares is not None:
                parts.append((taken, squares))
        if len(parts) == 1 and len(parts[0][0]) == rows:
            return Seen(parts[0][1], broken)
        pixels = self._black(rows)
        for taken, squares in parts:
            if len(taken) == len(elements):
                pixels[: len(taken)] = squares
            else:
                pixels[self._index([source.place for source in taken])] = squares
        if ready:
            stack = torch.from_numpy(
                np.stack(list(ready.values()))[:, :, :, ::-1].transpose(0, 3, 1, 2).copy()
            )
            pixels[self._index(list(ready))] = stack.to(self._device)
        return Seen(pixels, broken)

    def _decode(
        self, decoder: Decoder, stream: Any, group: list["_Source"]
    ) -> tuple[list["_Source"], torch.Tensor | None]:
        """Squares, and which of the group they show: all, or those that the engines take, or none."""
        try:
            return group, self._squares(decoder, stream, group)
        except BadBatch:
            taken = [source for source in group if decoder.supports(source.address, source.length)]
        if not 0 < len(taken) < len(group):
            return [], None
        try:
            return taken, self._squares(decoder, stream, taken)
        except BadBatch:
            return [], None

    def _squares(self, decoder: Decoder, stream: Any, group: list["_Source"]) -> torch.Tensor:
        tall = max(source.height for source in group)
        wide = max(source.width for source in group)
        canvas = torch.empty((len(group), 3, tall, wide), dtype=torch.uint8, device=self._device)
        sources = [(source.address, source.length) for source in group]
        decoder.decode(sources, canvas.data_ptr(), (tall, wide), stream.cuda_stream)
        return self._resizer.squares(canvas, [(source.height, source.width) for source in group])

    def _alone(self, place: int, raw: Raw, ready: dict[int, Any], broken: dict[int, str]) -> None:
        """On the CPU."""
        try:
            pixels = unpack(bytes(raw), self._side * self._side)
            ready[place] = squared(decode_picture(bytes(raw)), self._side) if pixels is None else pixels
        except BadInput as error:
            broken[place] = str(error)


def _finish() -> None:
    """Wait for what the current stream was given."""
    made = torch.cuda.Event()  # type: ignore[no-untyped-call]
    made.record()
    made.synchronize()


class _Source:
    """A JPEG that the engines decode."""

    __slots__ = ("address", "height", "held", "length", "place", "raw", "step", "width")

    def __init__(self, place: int, raw: Raw, held: Any, address: int, size: tuple[int, int]) -> None:
        self.place = place
        self.raw = raw
        self.held = held  # keeps the address good
        self.address = address
        self.length = len(raw)
        self.height, self.width = size
        self.step = (self.height // CANVAS_STEP, self.width // CANVAS_STEP)

    @classmethod
    def of(cls, place: int, raw: Raw, decoder: Decoder) -> "_Source | None":
        """None if the engines do not decode it."""
        held, address = _address(raw)
        size = decoder.size(address, len(raw))
        return None if size is None else cls(place, raw, held, address, size)


def _address(raw: Raw) -> tuple[Any, int]:
    """Where bytes lie, and what keeps them there."""
    if (
        isinstance(raw, memoryview) and not raw.readonly
    ):  # shared memory, as nearly always; a third of the time
        held = ctypes.c_char.from_buffer(raw)
        return held, ctypes.addressof(held)
    array = np.frombuffer(raw, np.uint8)
    return array, array.ctypes.data
