"""The four bundled models, asked as callers ask them: real pictures, real sentences."""

import importlib.resources
import io
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from nudenet import NudeDetector
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from tritonclient.http import InferenceServerClient, InferInput
from tritonclient.utils import InferenceServerException

pytestmark = pytest.mark.models

SAMPLES = importlib.resources.files("sklearn") / "datasets" / "images"


@pytest.fixture(scope="module")
def client(bundled: Any) -> Iterator[Any]:
    """One connection for all tests."""
    with InferenceServerClient(bundled.address, network_timeout=60, connection_timeout=60) as opened:
        yield opened


def ask(client: Any, model: str, *items: bytes | str) -> dict[str, Any]:
    elements = np.array([item if isinstance(item, bytes) else item.encode() for item in items], object)
    name = client.get_model_metadata(model)["inputs"][0]["name"]
    given = InferInput(name, [len(items)], "BYTES")
    given.set_data_from_numpy(elements)
    result = client.infer(model, [given])
    return {o["name"]: result.as_numpy(o["name"]) for o in result.get_response()["outputs"]}


def picture_of(*lines: str, format_: str = "PNG") -> bytes:
    picture = Image.new("RGB", (720, 40 + 110 * len(lines)), "white")
    for number, line in enumerate(lines):
        font = ImageFont.load_default(72)
        ImageDraw.Draw(picture).text((40, 30 + 110 * number), line, fill="black", font=font)
    buffer = io.BytesIO()
    picture.save(buffer, format_)
    return buffer.getvalue()


def test_text_on_pictures_is_read_line_by_line(client: Any) -> None:
    """Two pictures in one request; the second holds no text, which is no error."""
    blank = picture_of()
    answer = ask(client, "ad-text-ocr", picture_of("FREE MONEY", "CALL NOW", format_="JPEG"), blank)
    assert answer["TEXT"].tolist() == [b"FREE MONEY\nCALL NOW", b""]
    assert answer["LINES"].tolist() == [b"FREE MONEY", b"CALL NOW"]
    assert answer["COUNTS"].tolist() == [2, 0]
    assert (answer["SCORES"] > 0.9).all()
    upper, lower = answer["CORNERS"][:, :, 1].mean(axis=1)
    assert upper < 140 < lower


def drawn_face() -> bytes:
    """A face with hair and shoulders, drawn at 320 x 320 and enlarged: the detector takes it for one."""
    x, y, r, skin, hair = 132, 101, 65, "#987662", "#301808"
    picture = Image.new("RGB", (320, 320), "#a6cae0")
    pen = ImageDraw.Draw(picture)
    pen.rounded_rectangle((x - 1.6 * r, y + 1.5 * r, x + 1.6 * r, y + 5 * r), 0.7 * r, fill="#973daa")
    pen.ellipse((x - 1.25 * r, y - 1.6 * r, x + 1.25 * r, y + 2.2 * r), fill=hair)
    pen.rectangle((x - 0.45 * r, y + 0.8 * r, x + 0.45 * r, y + 1.8 * r), fill="#816453")
    pen.ellipse((x - r, y - 1.3 * r, x + r, y + 1.35 * r), fill=skin)
    pen.pieslice((x - 1.1 * r, y - 1.5 * r, x + 1.1 * r, y + 0.3 * r), 180, 360, fill=hair)
    for eye in (x - 0.42 * r, x + 0.42 * r):
        level = y - 0.12 * r
        pen.ellipse((eye - 0.2 * r, level - 0.1 * r, eye + 0.2 * r, level + 0.1 * r), fill="white")
        pen.ellipse((eye - 0.1 * r, level - 0.1 * r, eye + 0.1 * r, level + 0.1 * r), fill="#201008")
        pen.line((eye - 0.26 * r, y - 0.4 * r, eye + 0.26 * r, y - 0.4 * r), fill=hair, width=5)
    pen.polygon(((x, y), (x - 0.17 * r, y + 0.45 * r), (x + 0.17 * r, y + 0.45 * r)), fill="#856756")
    pen.ellipse((x - 0.38 * r, y + 0.68 * r, x + 0.38 * r, y + 0.9 * r), fill="#b04048")
    buffer = io.BytesIO()
    picture.filter(ImageFilter.GaussianBlur(3)).resize((960, 960)).save(buffer, "PNG")
    return buffer.getvalue()


def test_a_face_is_found_where_it_is_and_is_no_risk(client: Any) -> None:
    """Boxes come in the picture's own pixels; the photograph beside it shows nobody."""
    answer = ask(client, "image-risk", (SAMPLES / "china.jpg").read_bytes(), drawn_face())
    assert answer["COUNTS"].tolist() == [0, 1]
    assert answer["CLASSES"].tolist() == [b"FACE_FEMALE"]
    assert answer["SCORES"][0] > 0.5
    left, top, right, bottom = answer["BOXES"][0]
    assert left < 3 * 100 < 3 * 165 < right  # the eyes' outer places, three times as large
    assert top < 3 * 90 < 3 * 150 < bottom
    assert answer["RISK"].tolist() == [0, 0]


def test_a_face_is_found_as_the_models_own_package_finds_it(client: Any) -> None:
    """Pre- and post-processing are rewritten here; the verdict must not have changed by that."""
    (theirs,) = NudeDetector().detect(drawn_face())
    answer = ask(client, "image-risk", drawn_face())
    assert answer["CLASSES"].tolist() == [theirs["class"].encode()]
    assert answer["SCORES"].tolist() == [pytest.approx(theirs["score"], abs=0.05)]
    left, top, wide, high = theirs["box"]
    assert answer["BOXES"][0] == pytest.approx([left, top, left + wide, top + high], abs=15)


def test_an_insult_is_toxic_and_an_offer_is_not(client: Any) -> None:
    """Three texts, three verdicts, in order."""
    answer = ask(
        client,
        "text-toxicity",
        "you are a stupid idiot, shut up",
        "linen shirts, new this summer",
        "shut the fuck up",
    )
    assert answer["LABEL"].tolist() == [b"toxic", b"clean", b"toxic"]
    assert (answer["RISK"][[0, 2]] > 0.9).all()
    assert answer["RISK"][1] < 0.1
    assert answer["SCORES"].sum(axis=1) == pytest.approx([1, 1, 1])


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("Twice your cash back within a week, fully guaranteed", b"double-money"),
        ("wristwatch copies of famous luxury brands", b"fake-watch"),
        ("躺着赚钱,日入过万不是梦", b"zh-double-money"),
    ],
)
def test_a_bad_ad_in_other_words_is_found_again(client: Any, text: str, known: bytes) -> None:
    """That is what embeddings are for; a list of words would miss the first two."""
    answer = ask(client, "bad-ad-retrieval", text)
    assert answer["IDS"].shape == answer["SCORES"].shape == (1, 3)
    assert answer["IDS"][0, 0] == known
    assert answer["MATCH"].tolist() == [True]


def test_honest_ads_match_no_bad_one(client: Any) -> None:
    """Near in topic is not near enough."""
    answer = ask(
        client,
        "bad-ad-retrieval",
        "summer sale: 20% off all shoes",
        "handbags and watches from our new spring collection",
        "新鲜苹果送到家",
    )
    assert answer["MATCH"].tolist() == [False, False, False]


def test_a_text_answers_the_same_alone_and_in_company(client: Any) -> None:
    """Padding to the longest of a batch must not change what a text means."""
    text = "Replica designer watches"
    alone = ask(client, "bad-ad-retrieval", text)
    company = ask(client, "bad-ad-retrieval", text, "a much longer text " * 20)
    assert company["SCORES"][0] == pytest.approx(alone["SCORES"][0], abs=1e-5)


@pytest.mark.parametrize("model", ["image-risk", "ad-text-ocr"])
@pytest.mark.parametrize(
    ("raw", "words"),
    [(b"not a picture", "not a picture"), (picture_of("x", format_="JPEG")[:2000], "broken")],
)
def test_a_bad_picture_is_the_callers_error(client: Any, model: str, raw: bytes, words: str) -> None:
    """400 with words: a 500 would send it through every tier."""
    with pytest.raises(InferenceServerException, match=words) as caught:
        ask(client, model, raw)
    assert caught.value.status() == "400"


@pytest.mark.parametrize("model", ["text-toxicity", "bad-ad-retrieval"])
def test_a_text_that_is_not_utf_8_is_the_callers_error(client: Any, model: str) -> None:
    """400 here too."""
    with pytest.raises(InferenceServerException, match="not UTF-8") as caught:
        ask(client, model, b"\xff")
    assert caught.value.status() == "400"


def test_a_picture_can_be_posted_as_it_is(bundled: Any) -> None:
    """Raw single input: `curl --data-binary @ad.png` with one header, and no JSON at all."""
    answer = httpx.post(
        f"http://{bundled.address}/v2/models/ad-text-ocr/infer",
        content=picture_of("HELLO"),
        headers={"Inference-Header-Content-Length": "0"},
        timeout=60,
    )
    assert answer.status_code == 200
    assert b"HELLO" in answer.content
