"""A model that can be asked: its kind and its backend, joined. Knows no queue, no deadline and no wire."""

import math
from collections.abc import Sequence
from typing import Any

import msgspec

from workers.backends import load_backend
from workers.device import Ground
from workers.entry import Entry
from workers.errors import BadInput, ModelFailed, Unusable, WorkerError
from workers.joint import Joint, Made, joined
from workers.kinds import load_kind
from workers.oip.datatypes import Array, BadTensor
from workers.oip.jsondata import array_from_json
from workers.oip.metadata import check_request
from workers.oip.rawdata import bytes_array
from workers.oip.tensors import InferRequest, Tensor, TensorSpec
from workers.ports import PROBLEMS, Kind, Prepared, Tensors

Result = Tensors | Exception
"""A request's outputs, or BadTensor and BadInput for what its caller sent, ModelFailed for the rest."""


class Model:
    """One entry, loaded. `initialise` once, then `infer` from any thread, then `release`."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self._kind = load_kind(entry.kind)(entry)
        self._by_row = self._kind.BY_ROW
        self._rows_max = entry.batching.max_batch_size
        try:
            self._backend = load_backend(entry.backend)(entry)
        except ImportError as error:
            raise Unusable(
                f"{entry.name}: the backend '{entry.backend}' is not installed ({error})"
            ) from error

    def initialise(self, ground: Ground) -> str:
        """Load, and prove it with a real inference; says where it runs. Raises Unusable."""
        try:
            own = self.entry.device
            ground = ground if own is None else msgspec.structs.replace(ground, device=own)
            where = self._backend.initialise(ground)
            self._kind.learn(self._backend.infer)
            self.infer(sample_request(self.entry))
        except (WorkerError, BadTensor) as error:
            raise Unusable(f"{self.entry.name}: {error}") from error
        except Exception as error:  # each runtime has its own errors for a bad file or a missing device
            raise Unusable(f"{self.entry.name}: {error!r}") from error
        return where

    def infer(self, request: InferRequest) -> Tensors:
        """All outputs. Raises what a Result may be."""
        (result,) = self.infer_many((request,))
        if isinstance(result, Exception):
            raise result
        return result

    def infer_many(self, requests: Sequence[InferRequest], *, checked: bool = False) -> list[Result]:
        """A result for each request, in order; those that allow it run as one batch.

        `checked`: that names, datatypes and shapes are the model's is known already.
        """
        made = [prepared(self.entry, self._kind, request, checked=checked) for request in requests]
        return self.predict_many(
            [(one, request.parameters) for one, request in zip(made, requests, strict=True)]
        )

    def infer_one(self, request: InferRequest) -> Result:
        """What `infer_many` makes of one request that is known to be the model's."""
        return self._predict_alone(
            prepared(self.entry, self._kind, request, checked=True), request.parameters
        )

    def predict_many(self, made: Sequence[Made], wanted: tuple[str, ...] = ()) -> list[Result]:
        """What `infer_many` does after pre-processing, which may have been done elsewhere.

        `wanted`: outputs that somebody wants, if not all; others may be left out of the results.
        """
        if len(made) == 1:
            return [self._predict_alone(*made[0])]
        results: dict[int, Result] = {}
        for places, joint in joined(made, self._rows_max):
            results.update(zip(places, self._predict(joint, len(places), wanted), strict=True))
        return [results[place] for place in range(len(made))]

    @property
    def looked(self) -> tuple[int, int]:
        """Pictures shared with other models: decoded for this one, and found decoded."""
        found: tuple[int, int] = getattr(self._backend, "looked", (0, 0))
        return found

    def release(self) -> None:
        """Give back what the backend holds."""
        self._backend.release()

    def _predict_alone(self, prepared: Prepared | Exception, parameters: dict[str, Any]) -> Result:
        """What `_predict` does with a joint of one request, without making one."""
        if isinstance(prepared, Exception):
            return prepared
        try:
            raw = tuple([sound(self._backend.infer(call, parameters)) for call in prepared.calls])
        except (WorkerError, BadTensor) as error:
            return error
        except Exception as error:  # noqa: BLE001 - a model is foreign code: whatever it raises is its failure
            return failure(self.entry, error)
        return self._finish(raw, prepared.context)

    def _predict(self, joint: Joint | Exception, count: int, wanted: tuple[str, ...]) -> list[Result]:
        if isinstance(joint, Exception):
            return [joint] * count
        try:
            raw = [self._backend.infer(call, joint.parameters) for call in joint.calls]
            if self._by_row and count > 1:
                return self._finish_rows(joint, raw[0], wanted)
            parts = joint.split([sound(each) for each in raw])
        except (WorkerError, BadTensor) as error:
            return [error] * count
        except Exception as error:  # noqa: BLE001 - a model is foreign code: whatever it raises is its failure
            return [failure(self.entry, error)] * count
        return [self._finish(part, context) for part, context in zip(parts, joint.contexts, strict=True)]

    def _finish_rows(self, joint: Joint, raw: Tensors, wanted: tuple[str, ...]) -> list[Result]:
        """All requests at once, then cut apart: what a row becomes depends on it alone."""
        words = next((tensor for tensor in raw if tensor.name == PROBLEMS), None)
        outputs = self._finish((tuple(tensor for tensor in raw if tensor is not words),), None)
        if isinstance(outputs, Exception):
            return [outputs] * len(joint.contexts)
        if wanted:
            outputs = tuple(tensor for tensor in outputs if tensor.name in wanted)
        results: list[Result] = [part[0] for part in joint.split([outputs])]
        if words is not None:
            for place, part in enumerate(joint.split([(words,)])):
                results[place] = _broken(part[0][0]) or results[place]
        return results

    def _finish(self, results: tuple[Tensors, ...], context: Any) -> Result:
        try:
            return self._kind.finish(results, context)
        except (WorkerError, BadTensor) as error:
            return error
        except Exception as error:  # noqa: BLE001 - as above
            return failure(self.entry, error)


def prepared(
    entry: Entry, kind: Kind, request: InferRequest, *, checked: bool = False
) -> Prepared | Exception:
    """A request after its kind's pre-processing; or the error that the caller gets."""
    try:
        if not checked:
            check_request(request, entry.inputs, entry.outputs)
        return kind.prepare(request)
    except (WorkerError, BadTensor) as error:
        return error
    except Exception as error:  # noqa: BLE001 - a kind meets whatever callers send
        return failure(entry, error)


def sound(outputs: Tensors) -> Tensors:
    """A backend's outputs without its word on each row. Raises BadInput if there is one."""
    for tensor in outputs:
        if tensor.name == PROBLEMS:
            if error := _broken(tensor):
                raise error
            return tuple(tensor for tensor in outputs if tensor.name != PROBLEMS)
    return tuple(outputs)


def _broken(words: Tensor) -> BadInput | None:
    for number, each in enumerate(words.data.tolist()):
        if each:
            return BadInput(f"picture {number}: {each.decode()}")
    return None


def failure(entry: Entry, cause: Exception) -> ModelFailed:
    """The model's failure in words; what raised is its cause."""
    error = ModelFailed(f"the model '{entry.name}' failed: {cause!r}")
    error.__cause__ = cause
    return error


def sample_request(entry: Entry) -> InferRequest:
    """The request that the entry's `sample` describes."""
    specs = {spec.name: spec for spec in entry.inputs}
    return InferRequest(
        inputs=tuple(
            _sample_tensor(entry, specs.get(name) or _guess(name, value), value)
            for name, value in entry.sample.items()
        )
    )


def _sample_tensor(entry: Entry, spec: TensorSpec, value: Any) -> Tensor:
    if isinstance(value, dict):
        data: Array = bytes_array([entry.files[value["file"]].read_bytes()])
        return Tensor.of(spec.name, "BYTES", data.reshape((1,) * max(1, len(spec.shape))))
    shape = _sample_shape(spec.shape, len(value))
    return Tensor.of(spec.name, spec.datatype, array_from_json(spec.name, spec.datatype, shape, value))


def _sample_shape(shape: tuple[int, ...], count: int) -> tuple[int, ...]:
    """The first free dimension takes up the values, other free ones are 1."""
    fixed = math.prod(side for side in shape if side != -1)
    first = shape.index(-1) if -1 in shape else None
    return tuple(
        side if side != -1 else (count // fixed if place == first else 1) for place, side in enumerate(shape)
    )


def _guess(name: str, value: Any) -> TensorSpec:
    """For an open model: texts are BYTES, numbers FP32."""
    texts = isinstance(value, dict) or (bool(value) and isinstance(value[0], str))
    return TensorSpec(name=name, datatype="BYTES" if texts else "FP32", shape=(-1,))
