"""The requests of a class, as bytes: from files or made, each with one of the class's labels in turn."""

import csv
from collections.abc import Iterable
from pathlib import Path

import msgspec
import numpy as np

from sim.load.mix import small_body
from sim.load.target import Target
from sim.replay.errors import ReplayRefused
from sim.replay.plan import Payload, TrafficClass

VARIANTS_MAX = 2_000
"""Different requests of one class: the first so many of a file or folder are sent in turn."""

MADE = 16
PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp")
JSON = "application/json"
BINARY = "application/octet-stream"


class Body(msgspec.Struct, frozen=True, kw_only=True):
    """`json_bytes`: of its JSON, where a binary section follows."""

    content: bytes
    json_bytes: int | None = None


def requests_of(target: Target, each: TrafficClass, base: Path, seed: int, bytes_max: int) -> list[bytes]:
    """What the class sends, in turn. Raises ReplayRefused, naming the file and its line."""
    sources = _sources(each.payload, base, seed)
    count = max(len(sources), len(each.labels), 1)
    found, size = [], 0
    for number in range(count):
        label = each.labels[number % len(each.labels)] if each.labels else ""
        body = _body(sources[number % len(sources)], label)
        found.append(encoded(target, each.headers, body))
        size += len(found[-1])
        if size > bytes_max:
            raise ReplayRefused(
                f"class {each.name}: payloads of more than {bytes_max:,} bytes; limits.payloadBytes"
            )
    return found


Source = str | bytes | dict[str, object]
"""A text, a picture or a made tensor, or a request's body."""


def _sources(payload: Payload, base: Path, seed: int) -> list[Source]:
    path = base / payload.path
    try:
        match payload.kind:
            case "text":
                found: list[Source] = list(_texts(path, payload.field))
            case "jsonl":
                found = [_object(path, number, line) for number, line in _lines(path)]
            case "pictures":
                files = sorted(each for each in path.rglob("*") if each.suffix.lower() in PICTURES)
                found = [each.read_bytes() for each in files[:VARIANTS_MAX]]
            case "made":
                rng = np.random.default_rng(seed)
                found = [rng.bytes(payload.size_bytes) for _ in range(MADE)]
            case _:
                found = [""]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ReplayRefused(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    if not found:
        raise ReplayRefused(f"{path}: nothing in it to send")
    return found


def _lines(path: Path) -> list[tuple[int, str]]:
    lines = enumerate(path.read_text(encoding="utf-8-sig").splitlines(), 1)
    return [(number, line) for number, line in lines if line.strip()][:VARIANTS_MAX]


def _object(path: Path, number: int, line: str) -> dict[str, object]:
    try:
        return msgspec.json.decode(line, type=dict[str, object])
    except msgspec.DecodeError as error:
        raise ReplayRefused(f"{path}:{number}: not a JSON object ({error})") from error


def _texts(path: Path, field: str) -> list[str]:
    """Of a JSONL file by key, of a CSV file by column, of any other a line each."""
    if path.suffix == ".jsonl":
        return [_field(path, number, _object(path, number, line), field) for number, line in _lines(path)]
    if path.suffix != ".csv":
        return [line for _, line in _lines(path)]
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file)
        if field not in (rows.fieldnames or ()):
            raise ReplayRefused(f"{path}:1: no column '{field}' (it has {', '.join(rows.fieldnames or ())})")
        return [row[field] for row, _ in zip(rows, range(VARIANTS_MAX), strict=False) if row[field]]


def _field(path: Path, number: int, found: dict[str, object], field: str) -> str:
    value = found.get(field)
    if not isinstance(value, str):
        raise ReplayRefused(f"{path}:{number}: no text under '{field}'")
    return value


def _body(source: Source, label: str) -> Body:
    if isinstance(source, dict):
        return Body(content=msgspec.json.encode(_labelled(source, label)))
    if isinstance(source, bytes):
        return _binary(source, label)
    if not source:
        return Body(content=small_body(label))
    tensor = {"name": "TEXT", "datatype": "BYTES", "shape": [1], "data": [source]}
    return Body(content=msgspec.json.encode(_labelled({"inputs": [tensor]}, label)))


def _binary(data: bytes, label: str) -> Body:
    """A BYTES tensor in the protocol's binary extension: length, then bytes, after the JSON."""
    raw = len(data).to_bytes(4, "little") + data
    parameters = {"binary_data_size": len(raw)}
    tensor = {"name": "IMAGE", "datatype": "BYTES", "shape": [1], "parameters": parameters}
    head = msgspec.json.encode(_labelled({"inputs": [tensor]}, label))
    return Body(content=head + raw, json_bytes=len(head))


def _labelled(document: dict[str, object], label: str) -> dict[str, object]:
    if not label:
        return document
    parameters = document.get("parameters")
    return {
        **document,
        "parameters": {**(parameters if isinstance(parameters, dict) else {}), "label": label},
    }


def encoded(target: Target, headers: Iterable[tuple[str, str]], body: Body) -> bytes:
    """The bytes of a request."""
    fields = {"Content-Type": JSON if body.json_bytes is None else BINARY}
    if body.json_bytes is not None:
        fields["Inference-Header-Content-Length"] = str(body.json_bytes)
    fields.update(headers)
    lines = [f"POST {target.path} HTTP/1.1", f"Host: {target.authority}"]
    lines += [f"{name}: {value}" for name, value in fields.items()]
    lines += [f"Content-Length: {len(body.content)}", "", ""]
    return "\r\n".join(lines).encode("latin-1") + body.content
