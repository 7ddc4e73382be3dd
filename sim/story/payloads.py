"""The real payloads of the story: pictures as bytes, ad texts in Chinese and English."""

import io
from importlib.resources import files
from typing import Any

import msgspec
from PIL import Image, ImageDraw, ImageFont


class Payload(msgspec.Struct, frozen=True, kw_only=True):
    """One inference request, and what it is for people."""

    what: str
    model: str
    body: bytes
    json_bytes: int | None = None  # where a binary section follows the JSON

    @property
    def headers(self) -> dict[str, str]:
        """The header fields that the body needs."""
        if self.json_bytes is None:
            return {"Content-Type": "application/json"}
        return {
            "Content-Type": "application/octet-stream",
            "Inference-Header-Content-Length": str(self.json_bytes),
        }


def pictures() -> list[Payload]:
    """Two photographs and an ad banner."""
    photographs = files("sklearn.datasets") / "images"
    temple = (photographs / "china.jpg").read_bytes()
    flower = (photographs / "flower.jpg").read_bytes()
    return [
        picture("photograph of a temple", "image-risk", temple),
        picture("photograph of a flower", "image-risk", flower),
        picture("banner 'FREE MONEY ...'", "ad-text-ocr", banner("FREE MONEY TODAY")),
    ]


def texts() -> list[Payload]:
    """Ad texts, harmless and not."""
    return [
        text("text-toxicity", "Summer dresses, free shipping this week"),
        text("text-toxicity", "Only idiots and losers pay full price, you morons"),
        text("bad-ad-retrieval", "Double your money in seven days, guaranteed profit"),
        text("bad-ad-retrieval", "Hand-made oak table, two years warranty"),
        text("bad-ad-retrieval", "在家兼职日赚千元，加微信了解"),
        text("text-toxicity", "夏季连衣裙，全场包邮"),
    ]


def text(model: str, words: str) -> Payload:
    """A text as a JSON tensor."""
    tensor = {"name": "TEXT", "datatype": "BYTES", "shape": [1], "data": [words]}
    return Payload(what=f"'{words}'", model=model, body=msgspec.json.encode(_request(tensor)))


def picture(what: str, model: str, data: bytes) -> Payload:
    """A picture as a binary tensor: length, then bytes, after the JSON."""
    raw = len(data).to_bytes(4, "little") + data
    tensor = {
        "name": "IMAGE",
        "datatype": "BYTES",
        "shape": [1],
        "parameters": {"binary_data_size": len(raw)},
    }
    head = msgspec.json.encode(_request(tensor))
    return Payload(what=what, model=model, body=head + raw, json_bytes=len(head))


def banner(words: str) -> bytes:
    """An ad banner with these words, as PNG."""
    image = Image.new("RGB", (640, 160), "gold")
    ImageDraw.Draw(image).text((30, 45), words, fill="darkred", font=ImageFont.load_default(size=56))
    png = io.BytesIO()
    image.save(png, "PNG")
    return png.getvalue()


def _request(tensor: dict[str, Any]) -> dict[str, Any]:
    return {"parameters": {"scene": "ad_upload"}, "inputs": [tensor]}


def verdict(model: str, answer: bytes) -> str:
    """What the model said, in a few words."""
    outputs = {output["name"]: output.get("data", []) for output in msgspec.json.decode(answer)["outputs"]}
    match model:
        case "image-risk":
            return f"risk {outputs['RISK'][0]:.2f}"
        case "ad-text-ocr":
            return f"reads '{outputs['TEXT'][0]}'"
        case "text-toxicity":
            return f"{outputs['LABEL'][0]} {outputs['RISK'][0]:.2f}"
        case _:
            near = f"{outputs['IDS'][0]} {outputs['SCORES'][0]:.2f}"
            return f"{'bad: like' if outputs['MATCH'][0] else 'fine: nearest'} {near}"
