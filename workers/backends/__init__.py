"""One file per runtime. Imported by name, for some of their libraries take seconds to import."""

import importlib

from workers.ports import Backend

BACKENDS = {
    "onnx": "workers.backends.onnx",
    "python": "workers.backends.python",
    "rapidocr": "workers.backends.rapidocr",
    "sklearn": "workers.backends.sklearn",
    "transformers": "workers.backends.transformers",
}


def load_backend(name: str) -> type[Backend]:
    """The class of a backend that stands in BACKENDS. Raises ImportError if its library is not installed."""
    found: type[Backend] = importlib.import_module(BACKENDS[name]).BACKEND
    return found
