"""What labels cost: microseconds per request, by labeler, with the watchdog at work. Medians.

`python -m sim.bench.labeling`. The request is one of 400 bytes with eight headers; "a payload" and "its
JSON" are what every labeler of JSON pays for besides. Each figure includes making the payload.
"""

import statistics
import struct
import time
from collections.abc import Callable
from typing import Any

import msgspec

from labelers import Payload
from labelers.labels import Labeler as LabelerCall
from labelers.registry import build
from proxy.clock import LiveClock
from proxy.labeling import Labeler, Labeling
from proxy.observe.logs import open_log
from proxy.watchdog import NoWatchdog, Watchdog, Watching

ROUNDS = 15
REQUESTS = 4_000

TEXT = "新品上市，限时优惠，请联系客服了解详情。 New arrivals, free shipping on all orders. " * 3
PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 640, 480) + b"\x00" * 200
HEADERS = (*((b"X-Header-%d" % number, b"value") for number in range(7)), (b"X-Biz-Label", b"1,44"))


def body_of(element: str) -> bytes:
    """An inference request with one text."""
    entry = {"name": "text", "datatype": "BYTES", "shape": [1], "data": [element]}
    return msgspec.json.encode(
        {"id": "4f2a", "parameters": {"label": 1125, "scene": "ad"}, "inputs": [entry]}
    )


def microseconds(act: Callable[[], object]) -> float:
    """Per call: the median of the rounds."""
    spans = []
    for _ in range(ROUNDS):
        began = time.perf_counter_ns()
        for _ in range(REQUESTS):
            act()
        spans.append((time.perf_counter_ns() - began) / REQUESTS / 1000)
    return statistics.median(spans)


def labelled(calls: list[LabelerCall], body: bytes, watchdog: Watching) -> float:
    """Microseconds to make a payload and label it."""
    labeling = Labeling(
        [Labeler(use=str(number), call=call) for number, call in enumerate(calls)],
        clock=LiveClock(),
        log=open_log("error"),
        watchdog=watchdog,
    )
    return microseconds(
        lambda: labeling.label(Payload(model="image-risk", headers=HEADERS, body=body, id="r-1"))
    )


def main() -> None:
    """Print one line per labeler."""
    watchdog = Watchdog()
    watchdog.start()
    short, text = body_of("x" * 250), body_of(TEXT)
    field: dict[str, Any] = {"path": "parameters.label"}
    words = {
        "44": [f"word{number}" for number in range(5_000)],
        "7": [f"词{number}" for number in range(5_000)],
    }
    rows: list[tuple[str, list[LabelerCall], bytes]] = [
        ("no labeler", [], short),
        ("a constant", [lambda _: (7,)], short),
        ("json-field", [build("json-field", field)], short),
        ("json-field, three of them", [build("json-field", field)] * 3, short),
        ("header", [build("header", {"name": "X-Biz-Label"})], short),
        ("model", [build("model", {"map": {"text-*": 7, "image-*": 1}})], short),
        ("jmespath", [build("jmespath", {"expression": "inputs[?name=='text'].name"})], short),
        ("percent", [build("percent", {"buckets": [{"percent": 50, "label": 1}]})], short),
        (f"keywords, 10,000 words, {len(TEXT)} characters", [build("keywords", {"words": words})], text),
        ("media, a small PNG in base64", [build("media", {})], body_of(_base64(PNG))),
    ]
    print(f"{'a payload':48}{microseconds(lambda: Payload(headers=HEADERS, body=short)):8.2f} µs")
    print(f"{'its JSON':48}{microseconds(lambda: msgspec.json.decode(short)):8.2f} µs")
    for name, calls, body in rows:
        print(f"{name:48}{labelled(calls, body, watchdog):8.2f} µs")
    unwatched = labelled([build("json-field", field)], short, NoWatchdog())
    print(f"{'json-field, without a watchdog':48}{unwatched:8.2f} µs")
    watchdog.stop()


def _base64(data: bytes) -> str:
    return msgspec.json.decode(msgspec.json.encode(data), type=str)


if __name__ == "__main__":
    main()
