"""What a call to load a model brings with it. Pure."""

from typing import Any

import msgspec

from workers.errors import Unusable


def override_of(parameters: dict[str, Any], name: str) -> dict[str, Any] | None:
    """The part of the model's configuration that is to be overridden. Raises Unusable."""
    if any(key.startswith("file:") for key in parameters):
        raise Unusable(f"failed to load '{name}', failed to poll from model repository: files are not taken")
    config = parameters.get("config")
    if config is None:
        return None
    try:
        return msgspec.json.decode(config, type=dict[str, Any])
    except (msgspec.DecodeError, TypeError) as error:
        raise Unusable(f"failed to load '{name}': its configuration is not JSON: {error}") from error
