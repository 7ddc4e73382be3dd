"""scikit-learn classifiers, pickled with joblib; texts go through a vectoriser first.

A pickle is code: a repository is trusted.
"""

import warnings
from typing import Any

import joblib
import numpy as np
from sklearn.exceptions import InconsistentVersionWarning

from workers.device import Ground
from workers.entry import Entry
from workers.errors import Unusable
from workers.oip.tensors import Tensor
from workers.ports import Tensors


class PickledClassifier:
    """Probabilities of the entry's file `model`, after its file `vectorizer` if there is one."""

    def __init__(self, entry: Entry) -> None:
        self._files = entry.files
        self._vectorizer: Any = None
        self._model: Any = None

    def initialise(self, ground: Ground) -> str:
        del ground
        if "model" not in self._files:
            raise Unusable("files must name 'model', a joblib file")
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", InconsistentVersionWarning)
            self._model = joblib.load(self._files["model"])
            if "vectorizer" in self._files:
                self._vectorizer = joblib.load(self._files["vectorizer"])
        if not hasattr(self._model, "predict_proba"):
            raise Unusable("the model gives no probabilities (it has no predict_proba)")
        return "cpu" + _made_elsewhere(caught)

    def infer(self, inputs: Tensors, parameters: dict[str, Any]) -> Tensors:
        del parameters
        features: Any = inputs[0].data
        if self._vectorizer is not None:
            features = self._vectorizer.transform([text.decode() for text in features.tolist()])
        scores = np.asarray(self._model.predict_proba(features), np.float32)
        return (Tensor.of("scores", "FP32", scores),)

    def release(self) -> None:
        self._model = self._vectorizer = None


def _made_elsewhere(caught: list[warnings.WarningMessage]) -> str:
    """What to tell when a pickle is of another scikit-learn: it loads, but nobody promises equal scores."""
    for entry in caught:
        if isinstance(entry.message, InconsistentVersionWarning):
            made, here = entry.message.original_sklearn_version, entry.message.current_sklearn_version
            return f" (pickled with scikit-learn {made}, run with {here})"
    return ""


BACKEND = PickledClassifier
