"""A LitServe server with a picture classifier: JPEGs in base64, as its examples have it, batched by it.

    python -m sim.bench.servers.litserve_pictures PORT resnet50

Needs the package `litserve`.
"""

import base64
import importlib
import sys
from typing import Any

from sim.bench.servers.picture_network import PictureNetwork

lit: Any = importlib.import_module("litserve")


class Pictures(lit.LitAPI):  # type: ignore[misc]
    """What LitServe calls."""

    def setup(self, device: str) -> None:
        """Load."""
        del device
        self.network = PictureNetwork(sys.argv[2])

    def decode_request(self, request: dict[str, str]) -> bytes:
        """The picture of one request."""
        return base64.b64decode(request["image"])

    def batch(self, inputs: list[bytes]) -> list[bytes]:
        """As they came."""
        return inputs

    def unbatch(self, output: Any) -> Any:
        """One risk each."""
        return output

    def predict(self, batch: list[bytes]) -> Any:
        """One batch."""
        return self.network.risks(batch).ravel().tolist()

    def encode_response(self, output: float) -> dict[str, float]:
        """The answer of one."""
        return {"risk": output}


def main() -> None:
    """Serve."""
    api = Pictures(max_batch_size=128, batch_timeout=0.002)
    lit.LitServer(api, accelerator="auto", workers_per_device=2).run(
        port=int(sys.argv[1]),
        host="127.0.0.1",
        num_api_servers=4,
        generate_client_file=False,
        log_level="warning",
    )


if __name__ == "__main__":
    main()
