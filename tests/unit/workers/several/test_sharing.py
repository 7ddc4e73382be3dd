"""What each model of a set is given of a picture."""

import io
from pathlib import Path

import pytest
from PIL import Image

from workers.entry import Entry
from workers.pictures import decode_picture
from workers.pixels import unpack
from workers.several.sharing import needs_decoding, shares
from workers.token import bare, token_of


def picture(form: str, **how: bool) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (20, 20), (9, 9, 9)).save(buffer, form, **how)
    return buffer.getvalue()


def entries(*, gpu: int, cpu: int) -> list[Entry]:
    return [
        Entry(name=f"{decode}{number}", version="1", kind="", backend="", folder=Path(), decode=decode)
        for decode, count in (("gpu", gpu), ("cpu", cpu))
        for number in range(count)
    ]


def test_models_that_decode_on_the_gpu_are_given_a_jpeg_under_one_name() -> None:
    """Their process decodes it for the first and keeps it for the rest; the two on the CPU share pixels."""
    raw = picture("JPEG")
    given = shares(entries(gpu=4, cpu=2), [raw])
    token = token_of(given.gpu[0])
    assert token is not None
    assert token.models == 4
    assert bare(given.gpu[0]) == raw
    assert unpack(given.cpu[0], 1000) is not None
    assert (given.decodes, given.saved) == (1, 1)  # the device's process counts its own


def test_each_picture_has_a_name_of_its_own() -> None:
    """Even the same one twice: a name says how many will come for it."""
    given = shares(entries(gpu=2, cpu=0), [picture("JPEG")] * 2)
    assert len({token_of(raw) for raw in given.gpu}) == 2
    assert (given.decodes, given.saved) == (0, 0)


@pytest.mark.parametrize("raw", [picture("PNG"), picture("JPEG", progressive=True)])
def test_what_no_engine_shows_is_decoded_once_for_models_on_the_gpu_too(raw: bytes) -> None:
    """Six decodings on the CPU else."""
    given = shares(entries(gpu=4, cpu=2), [raw])
    assert given.gpu[0] == given.cpu[0]
    assert unpack(given.gpu[0], 1000) is not None
    assert (given.decodes, given.saved) == (1, 5)


def test_a_front_knows_whether_it_will_decode() -> None:
    """That takes milliseconds, for which it does not stand still."""
    plain, odd = picture("JPEG"), picture("PNG")
    assert not needs_decoding(entries(gpu=6, cpu=0), [plain])
    assert needs_decoding(entries(gpu=6, cpu=0), [plain, odd])
    assert not needs_decoding(entries(gpu=1, cpu=0), [odd])
    assert needs_decoding(entries(gpu=0, cpu=2), [plain])


def test_a_named_picture_is_read_as_the_picture() -> None:
    """By whoever decodes on the CPU what the device refused."""
    raw = picture("JPEG")
    (given,) = shares(entries(gpu=2, cpu=0), [raw]).gpu
    assert (decode_picture(given) == decode_picture(raw)).all()
    assert token_of(given[:20]) is None
    assert token_of(raw) is None
    assert bare(memoryview(raw)) == raw
