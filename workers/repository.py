"""A repository: a folder with one folder per model, each described by its `model.yaml`.

It reads and checks the static part, and with `deployment.py` the dynamic one, and finds all problems before
anything is loaded. It never loads a model. A new model of a known kind is its files and these two; no code.
"""

import importlib.util
from pathlib import Path
from typing import Any

import msgspec
import yaml

from workers.backends import BACKENDS
from workers.deployment import STATIC, Deployment, read_parts
from workers.device import ANY, Device, parse_device
from workers.entry import Entry
from workers.errors import BadRepository
from workers.kinds import KINDS, load_kind
from workers.oip.datatypes import NUMPY
from workers.oip.tensors import TensorSpec


class _Spec(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    datatype: str
    shape: list[int]


class _File(msgspec.Struct, forbid_unknown_fields=True):
    """A file inside an installed Python package."""

    package: str
    path: str


class _Document(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    name: str
    tag: str = ""
    kind: str
    backend: str
    files: dict[str, str | _File] = {}
    inputs: list[_Spec] = []
    outputs: list[_Spec] = []
    options: dict[str, Any] = {}
    backend_options: dict[str, Any] = {}
    sample: dict[str, Any] = {}


def read_repository(root: Path, only: tuple[str, ...] = (), device: Device = ANY) -> tuple[Entry, ...]:
    """The models of a repository in the order of their folders; `only` names those wanted.

    `device` is the server's: where pictures are decoded follows from it.

    Raises BadRepository with all problems at once.
    """
    if not root.is_dir():
        raise BadRepository((f"{root}: is not a folder",))
    problems: list[str] = []
    models: dict[tuple[str, str], Entry] = {}
    for path in sorted(root.glob(f"*/{STATIC}")):
        model = _read(path, only, device, problems)
        if model is None:
            continue
        if (model.name, model.version) in models:
            problems.append(f"{path}: model '{model.name}' version {model.version} is there already")
        models[model.name, model.version] = model
    if not problems:
        names = {name for name, _ in models}
        problems += [f"{root}: there is no model '{name}'" for name in only if name not in names]
        if not models and not only:
            problems.append(f"{root}: holds no model (no folder with a {STATIC})")
    if problems:
        raise BadRepository(tuple(problems))
    return tuple(models.values())


def _read(path: Path, only: tuple[str, ...], device: Device, problems: list[str]) -> Entry | None:
    """One model, or None with what is wrong appended; also None if it is not among those wanted."""
    try:
        static, deployment = read_parts(path)
        document = msgspec.convert(static, _Document)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, msgspec.ValidationError) as error:
        problems.append(f"{path}: {' '.join(str(error).split())}")
        return None
    if only and document.name not in only:
        return None
    found: list[str] = []
    files = _find_files(path.parent, document, found)
    inputs = _specs("inputs", document.inputs, found)
    outputs = _specs("outputs", document.outputs, found)
    options = _check_choices(document, inputs, outputs, found)
    _check_sample(document, found)
    problems += [f"{path}: {problem}" for problem in found]
    if found:
        return None
    return _entry(path.parent, document, deployment, device, (files, inputs, outputs, options))


def _entry(
    folder: Path, document: _Document, deployment: Deployment, device: Device, checked: tuple[Any, ...]
) -> Entry:
    files, inputs, outputs, options = checked
    entry = Entry(
        name=document.name,
        version=deployment.version,
        tag=document.tag,
        kind=document.kind,
        backend=document.backend,
        folder=folder,
        files=files,
        inputs=inputs,
        outputs=outputs,
        options=options,
        backend_options=document.backend_options,
        sample=document.sample,
        concurrency=deployment.concurrency,
        queued_max=deployment.queued_max,
        batching=deployment.batching,
        batch_seconds_max=deployment.batch_seconds_max,
        placement=deployment.placement,
        device=parse_device(deployment.device) if deployment.device else None,
        precision=deployment.precision,
        compile=deployment.compile,
        cuda_graphs=deployment.cuda_graphs,
    )
    decode = deployment.decodes_on(device, takes_pixels=entry.takes_pixels)
    return msgspec.structs.replace(entry, decode=decode)


def _find_files(folder: Path, document: _Document, problems: list[str]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for key, entry in document.files.items():
        if isinstance(entry, str):
            base, relative, where = folder, entry, str(folder)
        else:
            spec = None if "." in entry.package else importlib.util.find_spec(entry.package)
            if spec is None or spec.origin is None:
                problems.append(f"files.{key}: the Python package '{entry.package}' is not installed")
                continue
            base, relative, where = Path(spec.origin).parent, entry.path, f"package '{entry.package}'"
        path = (base / relative).resolve()
        if not path.is_relative_to(base.resolve()):
            problems.append(f"files.{key}: '{relative}' leads out of {where}")
        elif not path.exists():
            problems.append(f"files.{key}: there is no '{relative}' in {where}")
        else:
            found[key] = path
    return found


def _specs(field: str, entries: list[_Spec], problems: list[str]) -> tuple[TensorSpec, ...]:
    names = [entry.name for entry in entries]
    for entry in entries:
        if entry.datatype not in NUMPY:
            problems.append(f"{field}.{entry.name}: unknown datatype '{entry.datatype}'")
        if any(side < -1 or side == 0 for side in entry.shape):
            problems.append(f"{field}.{entry.name}: a dimension is -1 (any) or above 0")
        if names.count(entry.name) > 1:
            problems.append(f"{field}.{entry.name}: is given twice")
    return tuple(TensorSpec(name=e.name, datatype=e.datatype, shape=tuple(e.shape)) for e in entries)


def _check_choices(
    document: _Document,
    inputs: tuple[TensorSpec, ...],
    outputs: tuple[TensorSpec, ...],
    problems: list[str],
) -> Any:
    """The kind's options, checked; None with problems appended."""
    if document.backend not in BACKENDS:
        problems.append(f"backend: '{document.backend}' is none of {', '.join(BACKENDS)}")
    if document.kind not in KINDS:
        problems.append(f"kind: '{document.kind}' is none of {', '.join(KINDS)}")
        return None
    kind = load_kind(document.kind)
    for field, specs, wanted in (("inputs", inputs, kind.TAKES), ("outputs", outputs, kind.GIVES)):
        if wanted and [(s.datatype, len(s.shape)) for s in specs] != [(d, r) for _, d, r in wanted]:
            words = ", ".join(f"{what}: {datatype} of rank {rank}" for what, datatype, rank in wanted)
            problems.append(f"{field}: the kind '{document.kind}' has, in this order, {words}")
    try:
        return msgspec.convert(document.options, kind.Options)
    except (msgspec.ValidationError, ValueError) as error:
        problems.append(f"options: {error}")
        return None


def _check_sample(document: _Document, problems: list[str]) -> None:
    if not document.sample:
        problems.append("sample: is missing; a model is ready when its sample has gone through")
    known = {entry.name for entry in document.inputs}
    for name, value in document.sample.items():
        if known and name not in known:
            problems.append(f"sample.{name}: there is no such input")
        if isinstance(value, dict) and value.get("file") not in document.files:
            problems.append(f"sample.{name}: must name one of files, as {{file: KEY}}")
