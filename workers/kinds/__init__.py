"""One file per kind of model. Imported by name, so that only the kinds in use cost time and memory."""

import importlib

from workers.ports import Kind

KINDS = {
    "classification": "workers.kinds.classification",
    "detection": "workers.kinds.detection",
    "recognition": "workers.kinds.recognition",
    "retrieval": "workers.kinds.retrieval",
    "tensors": "workers.kinds.tensors",
}


def load_kind(name: str) -> type[Kind]:
    """The class of a kind that stands in KINDS."""
    found: type[Kind] = importlib.import_module(KINDS[name]).KIND
    return found
