"""Classes of requests: what each sends, its share, and when its answer is in time. Pure."""

import itertools
import random
from collections.abc import Mapping, Sequence

import msgspec

from sim.load.target import Target


class RequestClass(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`body` is what is sent; without one, a small text with `label` in `parameters.label`."""

    name: str
    weight: float = 1.0
    label: str = ""
    deadline_ms: float = 1_000.0  # a 200 within it, from the planned time, is goodput
    body: bytes = b""
    headers: dict[str, str] = {}


def drawn(classes: Sequence[RequestClass], count: int, seed: int) -> bytes:
    """The class of each request, as its place in `classes`, drawn by weight."""
    rng = random.Random(f"classes {seed}")
    bounds = list(itertools.accumulate(each.weight for each in classes))
    return bytes(rng.choices(range(len(classes)), cum_weights=bounds, k=count))


def encode_request(target: Target, each: RequestClass) -> bytes:
    """The bytes of one request of the class."""
    body = each.body or small_body(each.label)
    fields: Mapping[str, str] = {"Content-Type": "application/json", **each.headers}
    lines = [f"POST {target.path} HTTP/1.1", f"Host: {target.authority}"]
    lines += [f"{name}: {value}" for name, value in fields.items()]
    lines += [f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def small_body(label: str) -> bytes:
    """A request of the Open Inference Protocol with one text, and the label where there is one."""
    document: dict[str, object] = {"parameters": {"label": label}} if label else {}
    document["inputs"] = [{"name": "TEXT", "datatype": "BYTES", "shape": [1], "data": ["a small text"]}]
    return msgspec.json.encode(document)
