"""Files are known by how they begin, in every form in which a request may carry them."""

import base64
import struct
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelers import Payload
from labelers.errors import BadLabeler
from labelers.labels import collect
from labelers.magic import HEADER_BYTES, MEDIA, medium_of, pixels_of
from labelers.media import FILES_MAX
from labelers.registry import build

PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 640, 480) + b"\x08\x02\x00\x00\x00"
GIF = b"GIF89a" + struct.pack("<HH", 20, 10) + b"\x00" * 3
HUFFMAN = b"\xff\xc4" + struct.pack(">H", 9) + b"\x00" * 7  # its marker lies among those of frames
JPEG_FRAME = b"\xff\xc2" + struct.pack(">HBHH", 17, 8, 300, 400) + b"\x03"
JPEG = (
    b"\xff\xd8\xff\xe0" + struct.pack(">H", 16) + b"JFIF".ljust(14, b"\x00") + HUFFMAN + b"\xff" + JPEG_FRAME
)
BMP = b"BM" + struct.pack("<IIIIii", 70, 0, 54, 40, 3, -2)
WEBP_LOSSY = b"RIFF\x00\x00\x00\x00WEBPVP8 " + b"\x00" * 10 + struct.pack("<HH", 16 | 0x4000, 9)
WEBP_LOSSLESS = b"RIFF\x00\x00\x00\x00WEBPVP8L" + b"\x00" * 4 + b"\x2f" + struct.pack("<I", 15 | 8 << 14)
WEBP_EXTENDED = b"RIFF\x00\x00\x00\x00WEBPVP8X" + b"\x00" * 8 + b"\x0f\x00\x00\x08\x00\x00"

FILES = [
    (PNG, "png", 640 * 480),
    (GIF, "gif", 200),
    (JPEG, "jpeg", 120_000),
    (BMP, "bmp", 6),
    (WEBP_LOSSY, "webp", 144),
    (WEBP_LOSSLESS, "webp", 144),
    (WEBP_EXTENDED, "webp", 144),
    (b"\x00\x00\x00\x18ftypisom", "mp4", None),
    (b"\x00\x00\x00\x14ftypqt  ", "quicktime", None),
    (b"\x00\x00\x00\x1cftypavif", "avif", None),
    (b"\x00\x00\x00\x1cftypheic", "heic", None),
    (b"\x00\x00\x00\x1cftypM4A ", "m4a", None),
    (b"\x1aE\xdf\xa3\x01", "webm", None),
    (b"RIFF\x00\x00\x00\x00AVI LIST", "avi", None),
    (b"RIFF\x00\x00\x00\x00WAVEfmt ", "wav", None),
    (b"%PDF-1.7", "pdf", None),
]


def request(*elements: bytes, datatype: str = "BYTES") -> Payload:
    raw = b"".join(struct.pack("<I", len(e)) + e for e in elements) if datatype == "BYTES" else elements[0]
    shape = [len(elements)] if datatype == "BYTES" else [len(raw)]
    entry = {
        "name": "image",
        "datatype": datatype,
        "shape": shape,
        "parameters": {"binary_data_size": len(raw)},
    }
    head = msgspec.json.encode({"inputs": [entry]})
    return Payload(headers=((b"Inference-Header-Content-Length", b"%d" % len(head)),), body=head + raw)


def in_json(*texts: str) -> Payload:
    entry = {"name": "image", "datatype": "BYTES", "shape": [len(texts)], "data": list(texts)}
    return Payload(body=msgspec.json.encode({"inputs": [entry]}))


def labels(payload: Payload, **options: Any) -> list[str]:
    return collect(build("media", options), payload)


@pytest.mark.parametrize(
    ("data", "name", "pixels"), FILES, ids=[f"{n}-{i}" for i, (_, n, _) in enumerate(FILES)]
)
def test_a_file_is_known_by_its_beginning(data: bytes, name: str, pixels: int | None) -> None:
    """Names and headers lie."""
    medium = medium_of(data)
    assert medium is MEDIA[name]
    assert pixels_of(medium, data) == pixels
    assert labels(request(data)) == [name]


@pytest.mark.parametrize(("data", "name"), [(data, name) for data, name, _ in FILES[:5]])
def test_a_file_is_found_in_every_form(data: bytes, name: str) -> None:
    """Bytes, base64 of both alphabets, data URLs, UINT8, a raw input."""
    plain = base64.b64encode(data).decode()
    assert labels(in_json(plain)) == [name]
    assert labels(in_json(base64.urlsafe_b64encode(data).decode())) == [name]
    assert labels(in_json(f"data:image/x;base64,{plain}")) == [name]
    assert labels(request(plain.encode())) == [name]
    assert labels(request(data, datatype="UINT8")) == [name]
    assert labels(Payload(headers=((b"Inference-Header-Content-Length", b"0"),), body=data)) == [name]


def test_what_is_no_known_file_is_other() -> None:
    """Text, URLs, nothing at all; a URL is never fetched."""
    kinds = {"other": "unknown"}
    for text in ("https://example.com/a.jpg", "", "====", "hello world, hello world"):
        assert labels(in_json(text), kinds=kinds) == ["unknown"]
        assert labels(in_json(text)) == []


def test_kinds_and_their_groups_are_mapped() -> None:
    """One label for all images, one more for animated ones."""
    kinds = {"image": 7, "gif": [44, "animated"], "video": "v"}
    assert labels(request(PNG, GIF), kinds=kinds) == ["7", "44", "animated"]
    assert labels(request(b"%PDF-1"), kinds=kinds) == []


def test_sizes_fall_into_steps_of_which_the_highest_counts() -> None:
    """Large files go to machines with memory."""
    steps = [{"atLeast": 30, "label": "large"}, {"atLeast": 20, "label": "middle"}]
    for size, found in ((19, []), (20, ["middle"]), (29, ["middle"]), (30, ["large"])):
        data = GIF.ljust(size, b"\x00")
        assert labels(request(data), bytes=steps) == found
        assert labels(in_json(base64.b64encode(data).decode()), bytes=steps) == found
        assert labels(in_json("data:;base64," + base64.b64encode(data).decode()), bytes=steps) == found


def test_pixels_fall_into_steps_too() -> None:
    """A small file can be a large image."""
    steps = [{"atLeast": 120_000, "label": "large"}]
    assert labels(request(JPEG), pixels=steps) == ["large"]
    assert labels(request(GIF), pixels=steps) == []
    assert labels(request(b"\x00\x00\x00\x18ftypisom"), pixels=steps) == []


def test_the_size_of_a_jpeg_is_found_behind_a_long_preview() -> None:
    """Cameras put a preview of up to 64 kB first."""
    preview = b"\xff\xe1" + struct.pack(">H", 65_535) + b"\x00" * 65_533
    data = JPEG[:2] + preview + JPEG_FRAME
    assert pixels_of(MEDIA["jpeg"], data) == 120_000
    encoded = base64.b64encode(data + b"\x00" * 2 * HEADER_BYTES).decode()
    assert labels(in_json(encoded), pixels=[{"atLeast": 120_000, "label": 1}]) == ["1"]


def test_only_the_named_input_is_looked_at() -> None:
    """A mask or a thumbnail may travel along."""
    assert labels(request(PNG), input="image") == ["png"]
    assert labels(request(PNG), input="mask") == []


def test_numbers_are_not_taken_for_files() -> None:
    """A decoded image has no kind."""
    body = msgspec.json.encode({"inputs": [{"name": "x", "datatype": "FP32", "shape": [1], "data": [1]}]})
    assert labels(Payload(body=body), kinds={"other": 1}) == []


def test_files_beyond_the_limit_are_not_looked_at() -> None:
    """The caller chooses how many."""
    files = [GIF] * FILES_MAX
    assert labels(request(*files, PNG)) == ["gif"]
    assert labels(request(*files[1:], PNG)) == ["gif", "png"]


@pytest.mark.parametrize(
    "options",
    [
        {"kinds": {"jpg": 1}},
        {"kinds": {"jpeg": "*"}},
        {"bytes": [{"atLeast": -1, "label": 1}]},
        {"bytes": [{"atLeast": 1}]},
        {"pixels": [{"atLeast": 1, "label": [True]}]},
    ],
    ids=repr,
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    """An unknown kind would silently label nothing."""
    with pytest.raises(BadLabeler):
        build("media", options)


@given(st.sampled_from([data for data, _, _ in FILES]), st.integers(0, 60), st.binary(max_size=40))
def test_no_damaged_file_is_an_error(data: bytes, cut: int, tail: bytes) -> None:
    """What a stranger's file begins with is not to be trusted."""
    damaged = data[:cut] + tail
    medium = medium_of(damaged)
    if medium is not None:
        assert (pixels_of(medium, damaged) or 0) >= 0
    assert isinstance(labels(request(damaged), kinds={"other": 1}, pixels=[{"atLeast": 0, "label": 2}]), list)
