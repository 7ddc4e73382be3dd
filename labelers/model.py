"""model: labels from the model's name. The first pattern that matches, in the order written, gives them.

Patterns are shell globs (`*`, `?`, `[ab]`), compared with case. A request without a model has the name ''.
"""

import fnmatch
import re
from collections.abc import Iterable
from pathlib import Path

import msgspec

from labelers.api import Payload
from labelers.labels import Labeler, head_only
from labelers.values import ValueMap, compile_map

REMEMBERED_MAX = 1024
"""Names whose labels are remembered; callers choose names, so there must be an end."""


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of model."""

    map: ValueMap  # name or glob → labels


def build(options: Options, base: Path | None) -> Labeler:  # noqa: ARG001 - reads no files
    """The labeler. Raises `ValueError` on a bad map."""
    patterns = [
        (re.compile(fnmatch.translate(glob)), labels) for glob, labels in compile_map(options.map).items()
    ]
    known: dict[str, tuple[str, ...]] = {}

    def model(payload: Payload) -> Iterable[int | str]:
        name = payload.model
        labels = known.get(name)
        if labels is None:
            if len(known) >= REMEMBERED_MAX:
                known.clear()
            labels = known[name] = next((labels for glob, labels in patterns if glob.match(name)), ())
        return labels

    return head_only(model)
