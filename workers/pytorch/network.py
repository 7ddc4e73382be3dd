"""A network from files: an exported program, TorchScript, or a state dict and the code that it is for.

Code and TorchScript are programs: a repository is trusted. A state dict is read as weights only.
"""

import importlib
import importlib.util
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.export.passes import move_to_device_pass

from workers.entry import Entry
from workers.errors import Unusable

EXPORTED = (".pt2",)
SCRIPTED = (".ts", ".torchscript")

Network = Callable[..., Any]


def load_network(entry: Entry, device: torch.device, dtype: torch.dtype) -> Network:
    """The network on its device, for inference. Raises Unusable."""
    path = entry.files.get("model")
    if path is None:
        raise Unusable("files must name 'model': an exported program, TorchScript or a state dict")
    if path.suffix in EXPORTED:
        program = move_to_device_pass(torch.export.load(path), device)
        exported: Network = program.module().to(dtype)
        return exported
    if path.suffix in SCRIPTED:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # such files exist
            loaded: Any = torch.jit.load(path, map_location=device)  # type: ignore[no-untyped-call]
        scripted: Network = loaded.eval().to(dtype)
        return scripted
    network: Any = _maker(entry)(**entry.backend_options.get("arguments", {}))
    if not isinstance(network, torch.nn.Module):
        raise Unusable("backend_options.network makes something that is no torch.nn.Module")
    state = torch.load(path, map_location="cpu", weights_only=True)
    network.load_state_dict(state)
    network = network.eval().to(device=device, dtype=dtype)
    if entry.backend_options.get("channels_last"):
        network = network.to(memory_format=torch.channels_last)
    made: Network = network
    return made


def _maker(entry: Entry) -> Callable[..., Any]:
    """What `backend_options.network` names: a function of the file `network`, or MODULE:FUNCTION."""
    name = entry.backend_options.get("network")
    if not isinstance(name, str):
        raise Unusable("a state dict needs backend_options.network, the function that makes its network")
    module_name, colon, function = name.rpartition(":")
    module = importlib.import_module(module_name) if colon else _from_file(entry.files.get("network"))
    made = getattr(module, function, None)
    if not callable(made):
        raise Unusable(f"there is no function '{function}' to make the network")
    maker: Callable[..., Any] = made
    return maker


def _from_file(path: Path | None) -> Any:
    spec = (
        None
        if path is None
        else importlib.util.spec_from_file_location(f"network_{path.parent.name}_{path.stem}", path)
    )
    if spec is None or spec.loader is None:
        raise Unusable("files must name 'network', a Python file, or backend_options.network MODULE:FUNCTION")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # the compiler looks a function's globals up by its module's name
    spec.loader.exec_module(module)
    return module
