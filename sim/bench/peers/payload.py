"""The requests of the benchmark, as bytes: every generator and every probe sends these very ones.

All requests of a case are of one length, so that a file of them can be cut up again. `Penstock-Fallback:
none` asks for 503 in place of a ticket: a parked request must not pass for a served one.
"""

import msgspec

LABELS = tuple(range(1000, 1060))
"""What the small requests are labelled with, in turn."""

UNKNOWN_LABEL = 7777
"""That no table knows."""

FAILING_LABEL = 9503
"""Whose first tier answers 503 to every request."""

SMALL_BYTES = 250

HEALTHY, FAILING, LARGE = "image-risk", "failing", "tensors"
"""Models: by their paths the upstreams know what to do, and so do peers that cannot read a label."""


def small_requests() -> list[bytes]:
    """250 bytes of JSON, one request per label."""
    return [_request(HEALTHY, _padded(label, SMALL_BYTES)) for label in LABELS]


def failing_requests() -> list[bytes]:
    """The same size; tier 0 fails on all of them."""
    return [_request(FAILING, _padded(FAILING_LABEL, SMALL_BYTES))]


def unknown_requests() -> list[bytes]:
    """The same size; whoever reads the label serves none of them."""
    return [_request(HEALTHY, _padded(UNKNOWN_LABEL, SMALL_BYTES))]


def tensor_requests(size_bytes: int) -> list[bytes]:
    """A small JSON part and one binary tensor of this many bytes."""
    inputs = [
        {
            "name": "image",
            "datatype": "UINT8",
            "shape": [size_bytes],
            "parameters": {"binary_data_size": size_bytes},
        }
    ]
    head = msgspec.json.encode({"parameters": {"label": LABELS[0]}, "inputs": inputs})
    body = head + (bytes(range(256)) * (size_bytes // 256 + 1))[:size_bytes]
    return [_request(LARGE, body, json_bytes=len(head))]


def _padded(label: int, size_bytes: int) -> bytes:
    document = {"parameters": {"label": label}, "inputs": [_text("")]}
    missing = size_bytes - len(msgspec.json.encode(document))
    document["inputs"] = [_text("x" * missing)]
    return msgspec.json.encode(document)


def _text(element: str) -> dict[str, object]:
    return {"name": "text", "datatype": "BYTES", "shape": [1], "data": [element]}


def _request(model: str, body: bytes, json_bytes: int | None = None) -> bytes:
    kind = "application/json" if json_bytes is None else "application/octet-stream"
    fields = [
        f"POST /v2/models/{model}/infer HTTP/1.1",
        "Host: penstock.test",
        f"Content-Type: {kind}",
        f"Content-Length: {len(body)}",
        "Penstock-Fallback: none",
    ]
    if json_bytes is not None:
        fields.append(f"Inference-Header-Content-Length: {json_bytes}")
    return "\r\n".join([*fields, "", ""]).encode() + body
