"""percent: labels for a stable share of the requests, for canaries and experiments.

What `by` names is hashed (BLAKE2b, keyed by `salt`) to a point of a circle, and buckets lie on it one after
the other: the same id always falls into the same bucket, and a bucket that grows keeps whom it had. Two
labelers with one salt cut the circle alike; give experiments that must not depend on each other two salts.
"""

import hashlib
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

import msgspec

from labelers.api import Payload
from labelers.labels import Labeler, head_only, labels_of
from labelers.places import find, parse_place
from labelers.values import text_of

CIRCLE = 2**64
SALT_BYTES_MAX = 64


class Bucket(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A share of the circle and the labels of those who fall on it."""

    percent: Annotated[float, msgspec.Meta(ge=0, le=100)]
    label: Any


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of percent."""

    buckets: list[Bucket]
    by: str = "id"  # id, header:NAME or json:PATH
    salt: str = ""


def build(options: Options, base: Path | None) -> Labeler:  # noqa: ARG001 - reads no files
    """The labeler. Raises `ValueError` on a bad `by`, salt or buckets."""
    subject_of = _subject(options.by)
    salt = options.salt.encode()
    if len(salt) > SALT_BYTES_MAX:
        raise ValueError(f"'salt' is longer than {SALT_BYTES_MAX} bytes")
    ends = _ends(options.buckets)

    def percent(payload: Payload) -> Iterable[int | str]:
        subject = subject_of(payload)
        if not subject:
            return ()
        digest = hashlib.blake2b(subject.encode("utf-8", "surrogatepass"), digest_size=8, key=salt).digest()
        point = int.from_bytes(digest, "big")
        for end, labels in ends:
            if point < end:
                return labels
        return ()

    return percent if options.by.startswith("json:") else head_only(percent)


def _ends(buckets: list[Bucket]) -> list[tuple[int, tuple[str, ...]]]:
    """Where each bucket ends on the circle; a point below the end, and not below an earlier one, is its."""
    ends = []
    shares: list[float] = []
    for bucket in buckets:
        shares.append(bucket.percent)
        ends.append((round(math.fsum(shares) / 100 * CIRCLE), labels_of(bucket.label)))
    if math.fsum(shares) > 100 or not buckets:
        raise ValueError("'buckets' must be one or more, of 100 percent together at most")
    return ends


def _subject(by: str) -> Callable[[Payload], str]:
    kind, _, rest = by.partition(":")
    if by == "id":
        return lambda payload: payload.id
    if kind == "header" and rest:
        return lambda payload: payload.headers.get(rest, "")
    if kind == "json" and rest:
        place = parse_place(rest)
        return lambda payload: _scalar(find(payload.json, place))
    raise ValueError("'by' is id, header:NAME or json:PATH")


def _scalar(value: object) -> str:
    return text_of(value) if isinstance(value, str | int | float) else ""
