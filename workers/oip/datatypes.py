"""The protocol's datatypes, and what each is in memory.

BYTES is an object array of `bytes`. BF16, which numpy lacks, is a uint16 array of its bits, so that
an identity model keeps every bit; `widen_bf16` makes numbers of them.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class BadTensor(ValueError):
    """The caller's tensors cannot be taken, or not answered in the form asked for: HTTP 400."""


NUMPY: dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype("?"),
    "INT8": np.dtype("i1"),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "UINT8": np.dtype("u1"),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
    "BF16": np.dtype("<u2"),
    "BYTES": np.dtype("O"),
}
"""Little-endian, as the wire has it."""

WHOLE = frozenset(name for name in NUMPY if "INT" in name)
FLOATING = frozenset(("FP16", "FP32", "FP64"))


def widen_bf16(bits: Array) -> NDArray[np.float32]:
    """The numbers that BF16 bits stand for: the upper half of a float32."""
    return (bits.astype(np.uint32) << 16).view(np.float32)
