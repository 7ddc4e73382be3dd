"""Models that are a Python file of their repository.

The file has a function `infer(inputs, parameters)` from tensors to tensors. It is code that runs with this
server's rights, as any pickled model does: a repository is trusted.
"""

import importlib.util
from types import ModuleType
from typing import Any

from workers.device import Ground
from workers.entry import Entry
from workers.errors import Unusable
from workers.ports import Tensors


class PythonFile:
    """Calls the `infer` of the entry's file `model`."""

    def __init__(self, entry: Entry) -> None:
        self._entry = entry
        self._module: ModuleType | None = None

    def initialise(self, ground: Ground) -> str:
        del ground
        path = self._entry.files.get("model")
        if path is None:
            raise Unusable("files must name 'model', a Python file")
        spec = importlib.util.spec_from_file_location(f"repository_model_{self._entry.name}", path)
        if spec is None or spec.loader is None:
            raise Unusable(f"{path} is not a Python file")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        if not callable(getattr(module, "infer", None)):
            raise Unusable(f"{path} has no function 'infer'")
        self._module = module
        return "cpu"

    def infer(self, inputs: Tensors, parameters: dict[str, Any]) -> Tensors:
        assert self._module is not None, "initialise comes first"
        outputs: Tensors = self._module.infer(inputs, parameters)
        return outputs

    def release(self) -> None:
        self._module = None


BACKEND = PythonFile
