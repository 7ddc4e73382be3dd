"""What the front says of models and of itself, as plain values for JSON and for gRPC. Pure."""

import importlib.metadata
from typing import Any

from workers.entry import Entry
from workers.oip.metadata import describe
from workers.oip.tensors import TensorSpec
from workers.pool import Listed
from workers.regions.region import Region
from workers.statistics import Duration, ModelStatistics

EXTENSIONS = ["binary_tensor_data", "model_configuration", "model_repository", "statistics"]

_SUMS = ("success", "fail", "queue", "compute_input", "compute_infer", "compute_output")

_STAGES = ("compute_input", "compute_infer", "compute_output")


def server_of(name: str, *, memory: bool) -> dict[str, Any]:
    """The server's metadata. `memory`: shared memory is offered."""
    version = importlib.metadata.version("penstock")
    extensions = [*EXTENSIONS, "system_shared_memory"] if memory else EXTENSIONS
    return {"name": name, "version": version, "extensions": extensions}


def region_of(region: Region) -> dict[str, Any]:
    """A region of shared memory."""
    return {"name": region.name, "key": region.key, "offset": region.offset, "byte_size": region.size}


def metadata_of(entry: Entry, versions: list[str]) -> dict[str, Any]:
    """A model's metadata."""
    return {
        "name": entry.name,
        "versions": versions,
        "platform": f"{entry.backend}_{entry.kind}",
        "inputs": describe(entry.inputs),
        "outputs": describe(entry.outputs),
    }


def config_of(entry: Entry) -> dict[str, Any]:
    """A model's configuration in Triton's terms. 0 rows: the model's shapes have no dimension for rows."""
    rows_max = rows_of(entry)
    return {
        "name": entry.name,
        "platform": f"{entry.backend}_{entry.kind}",
        "backend": entry.backend,
        "version_policy": {"latest": {"num_versions": 1}},
        "max_batch_size": rows_max,
        "input": [_config_tensor(spec, rows_max) for spec in entry.inputs],
        "output": [_config_tensor(spec, rows_max) for spec in entry.outputs],
    }


def listed_of(listed: Listed) -> dict[str, Any]:
    """A row of the repository's index."""
    return {
        "name": listed.entry.name,
        "version": listed.entry.version,
        "state": "READY" if listed.ready else "UNAVAILABLE",
        "reason": listed.reason,
    }


def statistics_of(entry: Entry, statistics: ModelStatistics) -> dict[str, Any]:
    """A model's statistics. Rows that ran together are in `batch_stats`."""
    told: dict[str, Any] = {
        "name": entry.name,
        "version": entry.version,
        "last_inference": statistics.last_inference_ms,
        "inference_count": statistics.inference_count,
        "execution_count": statistics.execution_count,
        "inference_stats": {name: _duration(getattr(statistics, name)) for name in _SUMS},
        "batch_stats": [
            {"batch_size": rows} | {name: _duration(each) for name, each in zip(_STAGES, took, strict=True)}
            for rows, took in sorted(statistics.batches.items())
        ],
    }
    if statistics.shared:
        told["shared"] = statistics.shared
    return told


def rows_of(entry: Entry) -> int:
    """How many rows may run together; 0: the model's shapes have no dimension for rows."""
    tensors = (*entry.inputs, *entry.outputs)
    free = bool(tensors) and all(spec.shape and spec.shape[0] == -1 for spec in tensors)
    return entry.batching.max_batch_size if free else 0


def _duration(duration: Duration) -> dict[str, int]:
    return {"count": duration.count, "ns": duration.ns}


def _config_tensor(spec: TensorSpec, rows_max: int) -> dict[str, Any]:
    datatype = "STRING" if spec.datatype == "BYTES" else spec.datatype
    shape = spec.shape[1:] if rows_max else spec.shape
    return {"name": spec.name, "data_type": f"TYPE_{datatype}", "dims": list(shape)}
