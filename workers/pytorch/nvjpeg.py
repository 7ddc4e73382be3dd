"""JPEGs decoded by the GPU's own engines, through NVIDIA's library nvJPEG.

Bound here with ctypes and not taken from torchvision, whose decoder is one for all threads, on a stream
of low priority. It decides nothing; what it cannot decode it says.
"""

import ctypes
import ctypes.util
import importlib.util
from collections.abc import Iterator, Sequence
from pathlib import Path

HARDWARE = 3  # nvjpegBackend_t
RGB = 3  # nvjpegOutputFormat_t: three planes
SUCCESS = 0
CPU_THREADS = 1
COUNT_BITS = 7  # 128 pictures at once; more gain nothing
PLACES = ("nvidia", "torchvision.libs")  # installed packages that may bring the library


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
        """Height and width; None for what the engines do not decode: not baseline, odd chroma subsampling."""
        return self._size(address, length) if self._supports(address, length) else None

    def _size(self, address: int, length: int) -> tuple[int, int] | None:
        components, subsampling = ctypes.c_int(), ctypes.c_int()
        widths, heights = (ctypes.c_int * 4)(), (ctypes.c_int * 4)()
        status = self._quick.nvjpegGetImageInfo(
            self._handle,
            address,
            length,
            ctypes.byref(components),
            ctypes.byref(subsampling),
            widths,
            heights,
        )
        return (heights[0], widths[0]) if status == SUCCESS and heights[0] and widths[0] else None

    def _supports(self, address: int, length: int) -> bool:
        library = self._quick
        if library.nvjpegJpegStreamParseHeader(self._handle, address, length, self._stream) != SUCCESS:
            return False
        answer = ctypes.c_int(-1)
        asked = library.nvjpegDecodeBatchedSupported(self._handle, self._stream, ctypes.byref(answer))
        return asked == SUCCESS and answer.value == 0

    def decode(
        self,
        sources: Sequence[tuple[int, int]],
        planes: Sequence[tuple[int, int, int]],
        pitch: int,
        stream: int,
    ) -> None:
        """Queue the decoding of `sources` (address, length) into `planes` (addresses of red, green, blue).

        `pitch` is the bytes from a line to the next. Sources and planes must live until `stream` is through.
        Raises BadBatch.
        """
        at = 0
        while at < len(sources):
            count = 1 << min((len(sources) - at).bit_length() - 1, COUNT_BITS)
            self._decode(sources[at : at + count], planes[at : at + count], pitch, stream)
            at += count

    def _decode(
        self,
        sources: Sequence[tuple[int, int]],
        planes: Sequence[tuple[int, int, int]],
        pitch: int,
        stream: int,
    ) -> None:
        count = len(sources)
        data = (ctypes.c_void_p * count)(*(address for address, _ in sources))
        lengths = (ctypes.c_size_t * count)(*(length for _, length in sources))
        # nvjpegImage_t: four addresses of planes, then four pitches
        words = [(red, green, blue, 0, pitch, pitch, pitch, 0) for red, green, blue in planes]
        images = (ctypes.c_size_t * (8 * count))(*(word for each in words for word in each))
        status = self._library.nvjpegDecodeBatched(
            self._handle, self._state(count), data, lengths, images, stream
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
