"""Runs in Triton's Python backend: batches of JPEGs through `picture_network.py`."""

import importlib
import json
from typing import Any

from sim.bench.servers.picture_network import PictureNetwork

pb: Any = importlib.import_module("triton_python_backend_utils")


class TritonPythonModel:
    """What the backend calls."""

    def initialize(self, args: dict[str, Any]) -> None:
        """Load."""
        parameters = json.loads(args["model_config"])["parameters"]
        self.network = PictureNetwork(parameters["network"]["string_value"])

    def execute(self, requests: list[Any]) -> list[Any]:
        """One batch, of many requests."""
        raws: list[bytes] = []
        ends = []
        for request in requests:
            raws += pb.get_input_tensor_by_name(request, "IMAGE").as_numpy().ravel().tolist()
            ends.append(len(raws))
        risks = self.network.risks(raws)
        return [
            pb.InferenceResponse([pb.Tensor("RISK", risks[start:end])])
            for start, end in zip([0, *ends[:-1]], ends, strict=True)
        ]
