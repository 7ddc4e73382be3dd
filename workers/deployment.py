"""The dynamic part of a model: what differs from one deployment of it to another.

It stands in `deployment.yaml` beside `model.yaml`; where there is no such file, `model.yaml` may hold it too.
"""

from pathlib import Path
from typing import Any

import msgspec
import yaml

from workers.batching.limits import BatchLimits
from workers.device import Device, parse_device, shared
from workers.entry import Decode, Placement, Precision

STATIC = "model.yaml"
DYNAMIC = "deployment.yaml"
CONFIG_BYTES_MAX = 1_000_000
BATCH_S_MAX = 3600.0


class Deployment(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """How one model runs here."""

    version: str
    device: str = ""  # empty = the server's
    concurrency: int | None = None
    queued_max: int = 64
    batching: BatchLimits = BatchLimits()
    batch_seconds_max: float = 60.0
    placement: Placement = "predictor"
    decode: Decode = "auto"
    precision: Precision = "fp32"
    compile: bool = False
    cuda_graphs: bool = False

    def __post_init__(self) -> None:
        if self.queued_max < 1 or (self.concurrency is not None and self.concurrency < 1):
            raise ValueError("concurrency and queued_max must be 1 or more")
        if not 0 < self.batch_seconds_max <= BATCH_S_MAX:
            raise ValueError(f"batch_seconds_max is above 0 and at most {BATCH_S_MAX:.0f}")
        if self.device:
            parse_device(self.device)

    def decodes_on(self, device: Device, *, takes_pixels: bool) -> Decode:
        """`auto` settled: on the GPU if the model runs on one and its backend takes pictures by itself."""
        if self.decode != "auto":
            return self.decode
        own = parse_device(self.device) if self.device else device
        return "gpu" if takes_pixels and shared(own) else "cpu"


def read_parts(path: Path) -> tuple[dict[str, Any], Deployment]:
    """The static part of a `model.yaml` as it stands, and its deployment.

    Raises OSError, UnicodeDecodeError, yaml.YAMLError or msgspec.ValidationError.
    """
    static = _mapping(path)
    names = [name for name in Deployment.__struct_fields__ if name in static]
    beside = path.with_name(DYNAMIC)
    if not beside.exists():
        return static, msgspec.convert({name: static.pop(name) for name in names}, Deployment)
    if names:
        raise msgspec.ValidationError(f"{', '.join(names)}: belongs into {DYNAMIC}, which is beside it")
    try:
        return static, msgspec.convert(_mapping(beside), Deployment)
    except (msgspec.ValidationError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise msgspec.ValidationError(f"{DYNAMIC}: {error}") from error


def _mapping(path: Path) -> dict[str, Any]:
    if path.stat().st_size > CONFIG_BYTES_MAX:
        raise OSError(f"is over {CONFIG_BYTES_MAX} bytes")
    return msgspec.convert(yaml.safe_load(path.read_text("utf-8")), dict[str, Any])
