"""One file per runtime: a module here that has a BACKEND is one, under the module's name.

They are found by their files, so that a new one touches nothing else, and imported by name only when a model
asks, for some of their libraries take seconds to import.
"""

import importlib
import pkgutil

from workers.ports import Backend

BACKENDS = {
    module.name: f"{__name__}.{module.name}" for module in pkgutil.iter_modules(__path__) if not module.ispkg
}


def load_backend(name: str) -> type[Backend]:
    """The class of a backend that stands in BACKENDS. Raises ImportError if its library is not installed."""
    found: type[Backend] = importlib.import_module(BACKENDS[name]).BACKEND
    return found
