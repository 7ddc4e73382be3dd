"""What each model of a set is given of a request's pictures, so that each picture is decoded once.

Models that decode on the GPU get a JPEG that its engine shows as it came, under a name by which their process
keeps it decoded for all of them. All else is decoded here, if more than one model would decode it.
"""

from collections.abc import Sequence

import msgspec

from workers.entry import Entry
from workers.errors import WorkerError
from workers.jpeg import engine_shows
from workers.pictures import PIXELS_MAX, decode_picture
from workers.pixels import pack
from workers.token import named

SHARED_PIXELS_MAX = 4_000_000
"""A larger picture is decoded by each model: 12 MB of pixels would crowd the places between processes."""


class Shares(msgspec.Struct, frozen=True, kw_only=True):
    """Of one request: pictures for models on the CPU and on the GPU, and how many decodes that means."""

    cpu: list[bytes]
    gpu: list[bytes]
    decodes: int  # here and in models on the CPU; what the GPU does, its process counts
    saved: int


def decodes_itself(entry: Entry) -> bool:
    """Whether JPEGs go to the GPU as they came."""
    return entry.decode == "gpu" and not getattr(entry.options, "crop", False)


def needs_decoding(entries: Sequence[Entry], raws: Sequence[bytes]) -> bool:
    """Whether `shares` will decode, which takes milliseconds."""
    gpu = sum(decodes_itself(entry) for entry in entries)
    return len(entries) - gpu > 1 or (len(entries) > 1 and not all(engine_shows(raw) for raw in raws))


def shares(entries: Sequence[Entry], raws: Sequence[bytes]) -> Shares:
    """Share pictures out."""
    on_gpu = sum(decodes_itself(entry) for entry in entries)
    on_cpu = len(entries) - on_gpu
    cpu: list[bytes] = []
    gpu: list[bytes] = []
    decodes = saved = 0
    for raw in raws:
        engine = on_gpu > 0 and engine_shows(raw)
        models = on_cpu if engine else len(entries)  # that cannot leave it to the engine
        pixels = decoded(raw) if models > 1 else raw
        once = pixels is not raw
        decodes += 1 if once else models
        saved += models - 1 if once else 0
        cpu.append(pixels)
        gpu.append(named(raw, on_gpu) if engine else pixels)
    return Shares(cpu=cpu, gpu=gpu, decodes=decodes, saved=saved)


def decoded(raw: bytes) -> bytes:
    """The picture as pixels if it can be shared so; a bad one stays as it is, and each model says so."""
    try:
        pixels = decode_picture(raw, PIXELS_MAX)
    except WorkerError:
        return raw
    height, width, _ = pixels.shape
    return pack(pixels) if height * width <= SHARED_PIXELS_MAX else raw
