"""Whether a request's tensors are those that a model takes; and the specs as the protocol shows them."""

from typing import Any

from workers.oip.datatypes import BadTensor
from workers.oip.tensors import InferRequest, Tensor, TensorSpec


def check_request(
    request: InferRequest, takes: tuple[TensorSpec, ...], gives: tuple[TensorSpec, ...]
) -> None:
    """Raise BadTensor unless names, datatypes and shapes are as the model has them.

    Empty `takes` or `gives`: the model leaves it open and decides by itself.
    """
    if takes and not _as_listed(request.inputs, takes):
        by_name = {spec.name: spec for spec in takes}
        given = {tensor.name for tensor in request.inputs}
        missing = [name for name in by_name if name not in given]
        if missing:
            raise BadTensor(f"the request lacks the input {', '.join(missing)}")
        for tensor in request.inputs:
            spec = by_name.get(tensor.name)
            if spec is None:
                raise BadTensor(f"the model has no input '{tensor.name}'; it has {', '.join(by_name)}")
            if tensor.datatype != spec.datatype:
                raise BadTensor(f"input '{spec.name}' is {tensor.datatype}; the model takes {spec.datatype}")
            if not _fits(tensor.shape, spec.shape):
                raise BadTensor(
                    f"input '{spec.name}' has the shape {list(tensor.shape)}; "
                    f"the model takes {list(spec.shape)}"
                )
    if not request.outputs or not gives:
        return
    known = {spec.name for spec in gives}
    for output in request.outputs:
        if output.name not in known:
            raise BadTensor(f"the model has no output '{output.name}'; it has {', '.join(sorted(known))}")


def describe(specs: tuple[TensorSpec, ...]) -> list[dict[str, Any]]:
    """The specs as model metadata lists them."""
    return [{"name": spec.name, "datatype": spec.datatype, "shape": list(spec.shape)} for spec in specs]


def _as_listed(inputs: tuple[Tensor, ...], takes: tuple[TensorSpec, ...]) -> bool:
    """Whether the inputs are the model's, in its order: the quick answer."""
    if len(inputs) != len(takes):
        return False
    for tensor, spec in zip(inputs, takes, strict=True):
        if tensor.name != spec.name or tensor.datatype != spec.datatype:
            return False
        if not _fits(tensor.shape, spec.shape):
            return False
    return True


def _fits(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    if len(shape) != len(wanted):
        return False
    for side, free in zip(shape, wanted, strict=True):  # noqa: SIM110 - half of what a generator takes
        if free not in (-1, side):
            return False
    return True
