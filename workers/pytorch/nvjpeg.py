"""JPEGs decoded by the GPU's own engines, through NVIDIA's library nvJPEG.

Bound here with ctypes and not taken from torchvision, whose decoder is one for all threads, on a stream
of low priority. It decides nothing; what it cannot decode it says.
"""

import ctypes
import ctypes.util
import importlib.util
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

HARDWARE = 3  # nvjpegBackend_t
RGB = 3  # nvjpegOutputFormat_t: three planes
SUCCESS = 0
CPU_THREADS = 1
COUNT_BITS = 7
COUNT_MAX = 1 << COUNT_BITS  # pictures at once; more gain nothing
PLACES = ("nvidia", "torchvision.libs")  # installed packages that may bring the library
USUAL = frozenset((0, 1, 2, 6))  # nvjpegChromaSubsampling_t: 4:4:4, 4:2:2, 4:2:0, gray
SIDES = range(64, 4097)  # a plain picture whose sides are among these is taken by every engine


class NoHardwareDecoder(Exception):
    """There is no nvJPEG here, or the device has no engine."""


class BadBatch(Exception):
    """The library refused a batch; which picture is to blame it does not say."""


class Decoder:
    """One decoder: a handle and its states. One thread's at a time; several decode side by side."""

    def __init__(self) -> None:
        self._library, self._quick = _load()
        self._handle = ctypes.c_void_p()
        self._states: dict[int, ctypes.c_void_p] = {}  # by the number of pictures: powers of two
        self._stream = ctypes.c_void_p()
        self._subsampling = ctypes.c_int()
        self._widths, self._heights = (ctypes.c_int * 4)(), (ctypes.c_int * 4)()
        told = (ctypes.c_int(), self._subsampling, self._widths, self._heights)
        self._told: tuple[Any, ...] = tuple(map(ctypes.byref, told))  # what `size` is answered in
        library = self._library
        if library.nvjpegCreateEx(HARDWARE, None, None, 0, ctypes.byref(self._handle)) != SUCCESS:
            raise NoHardwareDecoder("this GPU has no JPEG engine, or nvJPEG could not open it")
        if library.nvjpegJpegStreamCreate(self._handle, ctypes.byref(self._stream)) != SUCCESS:
            raise NoHardwareDecoder("nvJPEG could not make what it reads heads with")

    def warm(self, rows_max: int) -> None:
        """Make what batches of so many will need, which takes long, before anybody waits for it."""
        for bits in range(min(rows_max.bit_length() - 1, COUNT_BITS) + 1):
            self._state(1 << bits)

    def size(self, address: int, length: int) -> tuple[int, int] | None:
        """Height and width; None for what the engines do not decode: odd chroma subsampling, for one.

        The library's own word, for it writes by it. A plain picture is not looked at twice: `supports` costs
        more than all else that a picture needs here, and what it refuses makes `decode` raise.
        """
        asked = self._quick.nvjpegGetImageInfo(self._handle, address, length, *self._told)
        height, width = self._heights[0], self._widths[0]
        if asked != SUCCESS or not height or not width:
            return None
        usual = self._subsampling.value in USUAL and height in SIDES and width in SIDES
        return (height, width) if usual or self.supports(address, length) else None

    def supports(self, address: int, length: int) -> bool:
        """Whether the engines decode it: not progressive, nothing odd."""
        library = self._quick
        if library.nvjpegJpegStreamParseHeader(self._handle, address, length, self._stream) != SUCCESS:
            return False
        answer = ctypes.c_int(-1)
        asked = library.nvjpegDecodeBatchedSupported(self._handle, self._stream, ctypes.byref(answer))
        return asked == SUCCESS and answer.value == 0

    def decode(
        self, sources: Sequence[tuple[int, int]], canvas: int, plane: tuple[int, int], stream: int
    ) -> None:
        """Queue the decoding of `sources` (address, length) into `canvas`, an address.

        Each has three planes there, red, green and blue, one behind the other; `plane` is a plane's height
        and width, the pitch. Sources and canvas must live until `stream` is through. Raises BadBatch.
        """
        words = images(canvas, len(sources), *plane)
        pairs = np.array(sources, np.uint64).reshape(-1, 2)
        at = 0
        while at < len(sources):
            end = at + (1 << min((len(sources) - at).bit_length() - 1, COUNT_BITS))
            self._decode(pairs[at:end], words[at:end], stream)
            at = end

    def _decode(self, pairs: NDArray[np.uint64], words: NDArray[np.uint64], stream: int) -> None:
        count = len(pairs)
        columns = np.ascontiguousarray(pairs.T)
        status = self._library.nvjpegDecodeBatched(
            self._handle,
            self._state(count),
            columns[0].ctypes.data,
            columns[1].ctypes.data,
            words.ctypes.data,
            stream,
        )
        if status != SUCCESS:
            self._drop(count)
            raise BadBatch(f"nvJPEG status {status}")

    def _state(self, count: int) -> ctypes.c_void_p:
        """A state for so many pictures: to change a state's count takes as long as to decode dozens."""
        if count not in self._states:
            state = self._states[count] = ctypes.c_void_p()
            if self._library.nvjpegJpegStateCreate(self._handle, ctypes.byref(state)) != SUCCESS:
                del self._states[count]
                raise BadBatch("nvJPEG could not make a state")
            status = self._library.nvjpegDecodeBatchedInitialize(self._handle, state, count, CPU_THREADS, RGB)
            if status != SUCCESS:
                self._drop(count)
                raise BadBatch(f"nvJPEG status {status}")
        return self._states[count]

    def _drop(self, count: int) -> None:
        self._library.nvjpegJpegStateDestroy(self._states.pop(count))

    def close(self) -> None:
        """Give the library's memory back."""
        if self._handle:
            self._library.nvjpegJpegStreamDestroy(self._stream)
            for count in tuple(self._states):
                self._drop(count)
            self._library.nvjpegDestroy(self._handle)
            self._handle = ctypes.c_void_p()


def images(canvas: int, count: int, height: int, width: int) -> NDArray[np.uint64]:
    """`nvjpegImage_t` for each of `count` pictures: four addresses of planes, then four pitches, in bytes."""
    words = np.zeros((count, 8), np.uint64)
    starts = canvas + np.arange(count, dtype=np.uint64) * np.uint64(3 * height * width)
    for colour in range(3):
        words[:, colour] = starts + np.uint64(colour * height * width)
        words[:, 4 + colour] = width
    return words


def _load() -> tuple[ctypes.CDLL, ctypes.PyDLL]:
    """The library twice: for calls that take long, and for short ones that keep the interpreter's lock."""
    for path in _paths():
        try:
            library, quick = ctypes.CDLL(path), ctypes.PyDLL(path)
        except OSError:
            continue
        pointer, size = ctypes.c_void_p, ctypes.c_size_t
        quick.nvjpegJpegStreamParseHeader.argtypes = (pointer, pointer, size, pointer)
        quick.nvjpegGetImageInfo.argtypes = (pointer, pointer, size, *(pointer,) * 4)
        library.nvjpegDecodeBatched.argtypes = (pointer,) * 6
        library.nvjpegDecodeBatchedInitialize.argtypes = (pointer, pointer, *(ctypes.c_int,) * 3)
        return library, quick
    raise NoHardwareDecoder("the library nvJPEG is not installed (the package nvidia-nvjpeg has it)")


def _paths() -> Iterator[str]:
    for package in PLACES:
        spec = importlib.util.find_spec(package.partition(".")[0])
        for folder in () if spec is None else spec.submodule_search_locations or ():
            base = Path(folder) if package == "nvidia" else Path(folder).with_name(package)
            yield from map(str, sorted(base.rglob("libnvjpeg*.so*")))
    yield from map(str, sorted(Path("/usr/local/cuda/lib64").glob("libnvjpeg.so*")))
    found = ctypes.util.find_library("nvjpeg")
    if found:
        yield found
