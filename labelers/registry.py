"""From a table's entry to a labeler: built-ins, entry points, `module:attribute`, `path/to/file.py:function`.

Decides what `use` names, checks the options, and says in one sentence what is wrong. Never calls a labeler
that it built. A table names code: whoever may change the table may run code in the proxy.
"""

import importlib
import importlib.metadata
import importlib.util
import inspect
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import msgspec

from labelers.errors import BadLabeler, BadYield
from labelers.files import load_file
from labelers.labels import BODY, READS, Labeler

ENTRY_POINTS = "penstock.labelers"

BUILT_INS: Mapping[str, str] = {
    "header": "labelers.header",
    "jmespath": "labelers.expression",
    "json-field": "labelers.json_field",
    "keywords": "labelers.keywords",
    "media": "labelers.media",
    "model": "labelers.model",
    "percent": "labelers.percent",
}
"""Name → module with `Options` and `build`; imported when a table uses it."""


def build(use: str, options: Mapping[str, Any], *, base: Path | None = None) -> Labeler:
    """The labeler that `use` names, set up with `options`. Raises `BadLabeler`.

    Paths are relative to `base`, the table's folder. A file is read afresh by each call, so that a reload
    picks up its changes; an installed module is imported once per process.
    """
    if use in BUILT_INS:
        return _build_in(use, options, base)
    for entry_point in importlib.metadata.entry_points(group=ENTRY_POINTS, name=use):
        return _make(_guarded(entry_point.load), options)
    if ":" not in use:
        raise BadLabeler(f"no labeler is named '{use}'{_hint(use, _names())}; known: {', '.join(_names())}")
    return _make(_resolve(use, base), options)


def _build_in(use: str, options: Mapping[str, Any], base: Path | None) -> Labeler:
    module = importlib.import_module(BUILT_INS[use])
    known = [field.encode_name for field in msgspec.structs.fields(module.Options)]
    for option in options:
        if option not in known:
            raise BadLabeler(
                f"there is no option '{option}'{_hint(str(option), known)}; there are: {', '.join(known)}"
            )
    try:
        labeler: Labeler = module.build(msgspec.convert(dict(options), module.Options), base)
    except (msgspec.ValidationError, BadYield, BadLabeler, ValueError) as error:
        raise BadLabeler(str(error)) from error
    return labeler


def _resolve(use: str, base: Path | None) -> object:
    where, _, attribute = use.rpartition(":")
    path = _file_of(where, base)
    if path is not None:
        module: object = load_file(path)
    else:
        module = _guarded(lambda: importlib.import_module(where))
    for name in attribute.split("."):
        if not hasattr(module, name):
            public = [known for known in vars(module) if not known.startswith("_")] if path else []
            raise BadLabeler(f"'{where}' has no attribute '{attribute}'{_hint(name, public)}")
        module = getattr(module, name)
    return module


def _file_of(where: str, base: Path | None) -> Path | None:
    """The file that `where` names: a path, or a module that lies beside the table."""
    folder = base or Path()
    if where.endswith(".py"):
        return folder / where
    beside = folder / f"{where}.py"
    return beside if where.isidentifier() and beside.is_file() else None


def _make(attribute: object, options: Mapping[str, Any]) -> Labeler:
    """A function is the labeler; with options, or being a class, it is called with them and returns it."""
    if not callable(attribute):
        raise BadLabeler(f"it is not callable, but a {type(attribute).__name__}")
    if options or isinstance(attribute, type):
        _check_takes_options(attribute, options)
        factory = attribute
        attribute = _guarded(lambda: factory(**options))
        if not callable(attribute):
            raise BadLabeler(
                f"called with its options it gave a {type(attribute).__name__}; it must give the labeler"
            )
    _check_takes_payload(attribute)
    reads = getattr(attribute, "reads", BODY)
    if reads not in READS:
        raise BadLabeler(f"it reads {reads!r}; a labeler's `reads` is one of: {', '.join(READS)}")
    _warm_up()
    return attribute


def _check_takes_options(attribute: Callable[..., Any], options: Mapping[str, Any]) -> None:
    signature = _signature(attribute)
    try:
        if signature is not None:
            signature.bind(**options)
    except TypeError as error:
        given = ", ".join(options) or "none"
        raise BadLabeler(f"it does not take these options ({given}): {error}") from error


def _check_takes_payload(labeler: Callable[..., Any]) -> None:
    called = labeler if inspect.isroutine(labeler) else type(labeler).__call__
    if inspect.iscoroutinefunction(called) or inspect.isasyncgenfunction(called):
        raise BadLabeler("it is async; a labeler is a plain function: it runs on the event loop")
    signature = _signature(labeler)
    try:
        if signature is not None:
            signature.bind(None)
    except TypeError as error:
        raise BadLabeler(f"it does not take one payload: {error}") from error


def _signature(attribute: Callable[..., Any]) -> inspect.Signature | None:
    try:
        return inspect.signature(attribute)
    except (ValueError, TypeError):  # some built-in callables have none
        return None


def _guarded(load: Callable[[], Any]) -> Any:
    """Run the user's module or factory; whatever it raises is a sentence about it."""
    try:
        return load()
    except (Exception, SystemExit) as error:
        raise BadLabeler(f"it cannot be loaded: {type(error).__name__}: {error}") from error


def _warm_up() -> None:
    """Import numpy now where it is installed: within a request its import would overrun the time budget."""
    if importlib.util.find_spec("numpy") is not None:
        importlib.import_module("numpy")


def _names() -> list[str]:
    return sorted({*BUILT_INS, *importlib.metadata.entry_points(group=ENTRY_POINTS).names})


def _hint(word: str, known: list[str]) -> str:
    close = get_close_matches(word, known, n=1)
    return f" (did you mean '{close[0]}'?)" if close else ""
