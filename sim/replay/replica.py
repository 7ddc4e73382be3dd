"""Requests of a recording as bytes: with their labels and sizes, or with their bodies as they came."""

from collections.abc import Sequence

import msgspec

from sim.load.target import Target
from sim.replay.errors import ReplayRefused
from sim.replay.payloads import Body, encoded
from sim.replay.plan import ReplayPlan
from sim.shapes.wanted import Wanted

FALLBACKS = {"none": ("Penstock-Fallback", "none"), "at-once": ("Prefer", "respond-async")}
"""What a caller that wanted it had said."""

FILL = "x"


def recorded_requests(plan: ReplayPlan, exact: Sequence[Wanted], bytes_max: int) -> list[bytes]:
    """One for each; header fields of its class come with it. Raises ReplayRefused."""
    headers = {each.name: each.headers for each in plan.classes}
    found: list[bytes] = []
    size = 0
    for wanted in exact:
        fields = dict(headers[wanted.class_name])
        if wanted.asked_ms is not None:
            fields["Penstock-Deadline-Ms"] = f"{wanted.asked_ms:g}"
        if wanted.fallback in FALLBACKS:
            name, value = FALLBACKS[wanted.fallback]
            fields[name] = value
        found.append(encoded(_asking(plan.target, wanted.model), fields.items(), _body(wanted)))
        size += len(found[-1])
        if size > bytes_max:
            raise ReplayRefused(
                f"a recording of {len(exact):,} different requests: more than {bytes_max:,} bytes are left"
                " for them; limits.payloadBytes"
            )
    return found


def _asking(target: Target, model: str) -> Target:
    """The recorded model in place of the one that the target names."""
    parts = target.path.split("/")
    if not model or parts[1:3] != ["v2", "models"] or len(parts) < 5:
        return target
    parts[3] = model
    return msgspec.structs.replace(target, path="/".join(parts))


def _body(wanted: Wanted) -> Body:
    if wanted.body is not None:
        return Body(content=wanted.body, json_bytes=wanted.json_bytes)
    empty = len(_text(wanted.labels, ""))
    return Body(content=_text(wanted.labels, FILL * max(0, wanted.size_bytes - empty)))


def _text(labels: tuple[str, ...], text: str) -> bytes:
    document: dict[str, object] = {"parameters": {"label": ",".join(labels)}} if labels else {}
    document["inputs"] = [{"name": "TEXT", "datatype": "BYTES", "shape": [1], "data": [text]}]
    return msgspec.json.encode(document)
