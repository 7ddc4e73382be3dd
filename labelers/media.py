"""media: labels from the files that a request carries: their kind, their bytes, their pixels.

Looks at BYTES inputs (bytes as they are, or base64, with or without a `data:` prefix), at UINT8 inputs of the
binary section, and at a raw input. Kinds come from magic bytes, never from names or headers; nothing is
decoded but the beginning. Never fetches a URL.
"""

import binascii
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec

from labelers.api import Payload
from labelers.labels import Labeler, labels_of
from labelers.magic import HEADER_BYTES, MEDIA, Medium, medium_of, pixels_of
from labelers.tensors import Tensor

FILES_MAX = 64
"""Files of one request that are looked at."""

_MAGIC_CHARS = 64
_URL_SAFE = bytes.maketrans(b"-_", b"+/")


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Labels of what is at least so large. Of several steps that a file reaches, the highest counts."""

    at_least: Annotated[int, msgspec.Meta(ge=0)]
    label: Any


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Options of media. With none but `input`, the label is the kind's name: jpeg, mp4."""

    kinds: dict[str, Any] | None = None  # jpeg, … or image, video, audio, document, or other → labels
    bytes: list[Step] = []
    pixels: list[Step] = []
    input: str = ""  # the input's name; empty = all of them


class File(msgspec.Struct, frozen=True, kw_only=True):
    """A file in a request: how it begins, and how many bytes it has."""

    beginning: bytes
    size_bytes: int


def build(options: Options, base: Path | None) -> Labeler:  # noqa: ARG001 - reads no files
    """The labeler. Raises `ValueError` on unknown kinds and bad labels."""
    kinds = _kinds(options)
    byte_steps, pixel_steps = _steps(options.bytes), _steps(options.pixels)

    def media(payload: Payload) -> Iterable[int | str]:
        found: dict[str, None] = {}
        for number, file in enumerate(files_of(payload, options.input)):
            if number >= FILES_MAX:
                break
            medium = medium_of(file.beginning)
            found.update(dict.fromkeys(_labels_of_kind(kinds, medium)))
            found.update(dict.fromkeys(_reached(byte_steps, file.size_bytes)))
            if pixel_steps and medium is not None:
                found.update(dict.fromkeys(_reached(pixel_steps, pixels_of(medium, file.beginning))))
        return list(found)

    return media


def files_of(payload: Payload, name: str = "") -> Iterator[File]:
    """The files of a request (of its input `name`, where one is named). Raises `PayloadError`."""
    tensors = payload.tensors
    if not tensors and len(payload.binary):
        yield _file(payload.binary)
    for tensor in tensors.values():
        if name in ("", tensor.name):
            yield from _files_of(tensor)


def _files_of(tensor: Tensor) -> Iterator[File]:
    if tensor.datatype == "UINT8" and tensor.raw is not None:
        yield _file(tensor.raw)
    elif tensor.datatype == "BYTES":
        for element in tensor.bytes_list():
            yield _file(element)


def _file(data: bytes | memoryview) -> File:
    beginning = bytes(data[:HEADER_BYTES])
    if medium_of(beginning) is None:
        return _from_base64(data, beginning) or File(beginning=beginning, size_bytes=len(data))
    return File(beginning=beginning, size_bytes=len(data))


def _from_base64(data: bytes | memoryview, beginning: bytes) -> File | None:
    """The file that the data spell in base64; None where they do not, or where it is of no known kind."""
    skipped = 0
    if beginning.startswith(b"data:"):
        skipped = beginning.find(b",", 0, 256) + 1
    magic = _decoded(beginning[skipped : skipped + _MAGIC_CHARS])
    if magic is None or medium_of(magic) is None:
        return None
    text = beginning[skipped:]
    padding = bytes(data[-2:]).count(b"=")
    size_bytes = max(0, (len(data) - skipped) * 3 // 4 - padding)
    return File(beginning=_decoded(text[: len(text) // 4 * 4]) or magic, size_bytes=size_bytes)


def _decoded(text: bytes) -> bytes | None:
    text = text.translate(_URL_SAFE)
    try:
        return binascii.a2b_base64(text[: len(text) // 4 * 4])
    except binascii.Error:
        return None


def _kinds(options: Options) -> dict[str, tuple[str, ...]]:
    written = options.kinds
    if written is None:
        written = {} if options.bytes or options.pixels else {name: name for name in MEDIA}
    groups = {medium.group for medium in MEDIA.values()}
    for kind in written:
        if kind not in MEDIA and kind not in groups and kind != "other":
            known = ", ".join([*MEDIA, *sorted(groups), "other"])
            raise ValueError(f"there is no kind '{kind}'; there are: {known}")
    return {kind: labels_of(labels) for kind, labels in written.items()}


def _labels_of_kind(kinds: dict[str, tuple[str, ...]], medium: Medium | None) -> tuple[str, ...]:
    if medium is None:
        return kinds.get("other", ())
    return kinds.get(medium.name, ()) + kinds.get(medium.group, ())


def _steps(steps: list[Step]) -> list[tuple[int, tuple[str, ...]]]:
    """Highest first."""
    return sorted(((step.at_least, labels_of(step.label)) for step in steps), reverse=True)


def _reached(steps: list[tuple[int, tuple[str, ...]]], size: int | None) -> tuple[str, ...]:
    if size is None:
        return ()
    return next((labels for at_least, labels in steps if size >= at_least), ())
