"""Tests of what only a GPU can show; skipped, with the reason, where there is none."""

import pytest
import torch

from workers.pytorch.nvjpeg import Decoder, NoHardwareDecoder


@pytest.fixture(scope="session", autouse=True)
def device() -> None:
    """The first CUDA device."""
    if not torch.cuda.is_available():
        pytest.skip("there is no CUDA device here")


@pytest.fixture(scope="session")
def engines(device: None) -> None:
    """Its JPEG engines, which not every GPU has."""
    try:
        Decoder().close()
    except NoHardwareDecoder as error:
        pytest.skip(str(error))
