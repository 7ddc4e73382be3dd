"""A request that is to be sent as one was recorded: class, labels, size, and what its caller asked for."""

import base64

import msgspec

from proxy.recording.rows import Row


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """`body`: as it came, where bodies were recorded; `json_bytes`: of its JSON, before a binary section."""

    class_name: str
    labels: tuple[str, ...]
    size_bytes: int
    asked_ms: float | None = None
    fallback: str = "queue"
    model: str = ""
    body: bytes | None = None
    json_bytes: int | None = None


def wanted(row: Row) -> Wanted:
    """What it takes to send it again."""
    body = None if row.body is None else row.body.encode()
    if row.body_base64 is not None:
        body = base64.b64decode(row.body_base64)
    return Wanted(
        class_name=row.class_name,
        labels=row.labels,
        size_bytes=row.in_bytes,
        asked_ms=row.asked_ms,
        fallback=row.fallback,
        model=row.model,
        body=body,
        json_bytes=row.body_json_bytes,
    )


def distinct(rows: list[Row]) -> tuple[list[Wanted], list[int]]:
    """Each different request once, and which of them each row is."""
    places: dict[Wanted, int] = {}
    which = [places.setdefault(wanted(row), len(places)) for row in rows]
    return list(places), which
