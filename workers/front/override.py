"""What a call to load a model brings with it. Pure."""

from typing import Any

import msgspec

from workers.batching.limits import BatchLimits
from workers.entry import Entry
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


def overridden(entry: Entry, override: dict[str, Any]) -> Entry:
    """The entry with another `max_batch_size`, the one part that can be overridden. Raises Unusable."""
    strange = sorted(set(override) - {"name", "max_batch_size"})
    if strange:
        raise Unusable(f"failed to load '{entry.name}': {', '.join(strange)} cannot be overridden")
    if "max_batch_size" not in override:
        return entry
    rows = override["max_batch_size"]
    try:
        batching = {**msgspec.structs.asdict(entry.batching), "max_batch_size": int(rows)}
        return msgspec.structs.replace(entry, batching=msgspec.convert(batching, BatchLimits))
    except (TypeError, ValueError, msgspec.ValidationError) as error:
        raise Unusable(f"failed to load '{entry.name}': max_batch_size: {error}") from error
