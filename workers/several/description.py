"""A repository's sets: folders with a `several.yaml`, each a name for some of its models.

A set is an entry of the repository and not a parameter of requests, so that it is routed, described and
probed as a model is, and so that an operator and not a caller decides how much one request may set going.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import yaml

from workers.entry import Entry
from workers.errors import BadRepository
from workers.oip.tensors import TensorSpec
from workers.tree.ledger import SETS_MAX

CONFIG = "several.yaml"
CONFIG_BYTES_MAX = 100_000
MODELS_MAX = 32
KIND = "several"
JOINT = "."  # between a model's name and its output's


class _Document(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    name: str
    version: str
    tag: str = ""
    models: list[str]
    input: str = "PICTURE"


class Set(msgspec.Struct, frozen=True, kw_only=True):
    """A set as it is asked: an entry like a model's, and the names of its models."""

    entry: Entry
    models: tuple[str, ...]


def read_sets(root: Path, entries: Sequence[Entry]) -> tuple[Set, ...]:
    """The sets of a repository whose models are all among `entries`; sets of others are left out.

    Raises BadRepository with all problems at once.
    """
    problems: list[str] = []
    models = {entry.name: entry for entry in entries}
    sets: dict[str, Set] = {}
    for path in sorted(root.glob(f"*/{CONFIG}")):
        try:
            document = _parse(path)
        except (OSError, UnicodeDecodeError, yaml.YAMLError, msgspec.ValidationError) as error:
            problems.append(f"{path}: {' '.join(str(error).split())}")
            continue
        if any(name not in models for name in document.models):
            continue
        found = _check(document, models)
        if document.name in models or document.name in sets:
            found.append(f"name: '{document.name}' is there already")
        problems += [f"{path}: {problem}" for problem in found]
        if not found:
            sets[document.name] = _set(document, path.parent, [models[name] for name in document.models])
    if len(sets) > SETS_MAX:
        problems.append(f"{root}: holds {len(sets)} sets; the limit is {SETS_MAX}")
    if problems:
        raise BadRepository(tuple(problems))
    return tuple(sets.values())


def _parse(path: Path) -> _Document:
    if path.stat().st_size > CONFIG_BYTES_MAX:
        raise OSError(f"is over {CONFIG_BYTES_MAX} bytes")
    return msgspec.convert(yaml.safe_load(path.read_text("utf-8")), _Document)


def _check(document: _Document, models: dict[str, Entry]) -> list[str]:
    problems = []
    if not 1 <= len(document.models) <= MODELS_MAX:
        problems.append(f"models: 1 to {MODELS_MAX} of them, not {len(document.models)}")
    if len(set(document.models)) != len(document.models):
        problems.append("models: one is named twice")
    problems += [
        f"models: '{name}' does not take pictures alone: one input, BYTES of rank 1"
        for name in document.models
        if [(spec.datatype, len(spec.shape)) for spec in models[name].inputs] != [("BYTES", 1)]
    ]
    return problems


def _set(document: _Document, folder: Path, members: list[Entry]) -> Set:
    first = members[0]
    (sample,) = first.sample.values()
    entry = Entry(
        name=document.name,
        version=document.version,
        tag=document.tag,
        kind=KIND,
        backend=KIND,
        folder=folder,
        files=first.files,
        inputs=(TensorSpec(name=document.input, datatype="BYTES", shape=first.inputs[0].shape),),
        outputs=tuple(
            TensorSpec(name=f"{each.name}{JOINT}{spec.name}", datatype=spec.datatype, shape=spec.shape)
            for each in members
            for spec in each.outputs
        ),
        sample={document.input: sample},
    )
    return Set(entry=entry, models=tuple(document.models))
