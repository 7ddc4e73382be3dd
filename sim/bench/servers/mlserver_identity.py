"""The identity model as MLServer has models; run by `.venv-mlserver`, not by `.venv`."""

from mlserver import MLModel
from mlserver.types import InferenceRequest, InferenceResponse, ResponseOutput


class Identity(MLModel):
    """INPUT0 comes back as OUTPUT0, by the shortest way that MLServer has: its data are not decoded."""

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """One output for each input."""
        outputs = [
            ResponseOutput(name="OUTPUT0", shape=each.shape, datatype=each.datatype, data=each.data)
            for each in payload.inputs
        ]
        return InferenceResponse(model_name=self.name, outputs=outputs)
