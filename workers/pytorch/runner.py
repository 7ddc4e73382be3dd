"""Runs a network on one device: batches queued in order, padded to fixed sizes where that pays.

On a GPU the caller's thread only queues work; it waits for its own batch with the interpreter's lock let go,
so that another thread queues the next one meanwhile.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Any

import torch

Tensors = tuple[torch.Tensor, ...]
Forward = Callable[..., Tensors]


class CpuRunner:
    """Calls the network. Several threads may."""

    def __init__(self, forward: Forward) -> None:
        self._forward = forward

    def run(self, *inputs: torch.Tensor) -> Tensors:
        """Outputs on the CPU."""
        with torch.inference_mode():
            return tuple(x.contiguous() for x in self._forward(*inputs))


class CudaRunner:
    """Queues batches on a stream of its own; `graphs` has a size for each graph to keep."""

    def __init__(self, forward: Forward, graphs: Sequence[int] = ()) -> None:
        self._forward = forward
        self._stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        self._lock = threading.Lock()  # the order of batches, and a graph's own memory
        self._graphs: dict[Any, tuple[Any, Tensors, Tensors]] = {}
        self._sizes = frozenset(graphs)

    def run(self, *inputs: torch.Tensor) -> Tensors:
        """Outputs in pinned memory on the CPU. Inputs are on the device, made on the current stream."""
        made = torch.cuda.Event()  # type: ignore[no-untyped-call]
        made.record()
        done = torch.cuda.Event()  # type: ignore[no-untyped-call]
        with self._lock, torch.inference_mode(), torch.cuda.stream(self._stream):
            self._stream.wait_event(made)
            for tensor in inputs:
                tensor.record_stream(self._stream)
            outputs = tuple(_to_host(x) for x in self._queue(inputs))
            done.record(self._stream)
        done.synchronize()
        return outputs

    def _queue(self, inputs: Tensors) -> Tensors:
        if len(inputs[0]) not in self._sizes:
            return self._forward(*inputs)
        key = tuple((x.shape, x.stride(), x.dtype) for x in inputs)
        if key not in self._graphs:
            self._graphs[key] = self._capture(inputs)
        graph, held, outputs = self._graphs[key]
        for place, x in zip(held, inputs, strict=True):
            place.copy_(x)
        graph.replay()
        return outputs

    def _capture(self, inputs: Tensors) -> tuple[Any, Tensors, Tensors]:
        held = tuple(x.clone() for x in inputs)
        for _ in range(3):  # libraries choose and allocate on the first calls
            self._forward(*held)
        torch.cuda.current_stream().synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=torch.cuda.current_stream(), capture_error_mode="thread_local"):
            outputs = self._forward(*held)
        return graph, held, outputs


def _to_host(tensor: torch.Tensor) -> torch.Tensor:
    host = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
    return host.copy_(tensor, non_blocking=True)
