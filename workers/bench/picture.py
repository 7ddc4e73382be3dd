"""Pictures for benchmarks and tests: of noise, for what a picture costs depends on its size and its bytes."""

import io

import numpy as np
from PIL import Image


def sample_picture(number: int = 0, width: int = 400, height: int = 534) -> bytes:
    """A JPEG of smoothed noise, about 23 KB at 400 x 534."""
    grain = np.random.default_rng(number).integers(0, 256, (height // 20, width // 20, 3), np.uint8)
    stream = io.BytesIO()
    smooth = Image.fromarray(grain).resize((width, height), Image.Resampling.BICUBIC)
    smooth.save(stream, "JPEG", quality=75)
    return stream.getvalue()
