"""What shapes are allowed, and how many elements they hold."""

from collections.abc import Sequence

from workers.oip.datatypes import BadTensor

RANK_MAX = 32  # numpy takes 64; no model that we know has more than 8
ELEMENTS_MAX = 2**40  # far above any body limit; keeps every later product inside 64 bits


def element_count(name: str, shape: Sequence[int]) -> int:
    """Elements in a tensor of `shape`; a zero anywhere makes it none.

    Raises BadTensor for a negative dimension and for a size that would overflow.
    """
    if len(shape) > RANK_MAX:
        raise BadTensor(f"tensor '{name}' has {len(shape)} dimensions; the limit is {RANK_MAX}")
    count = whole = 1
    for side in shape:
        if side < 0:
            raise BadTensor(f"tensor '{name}' has a negative dimension in its shape {list(shape)}")
        count *= side
        whole *= side or 1  # zeros are left out, so that [0, 2**70] does not slip through as "no elements"
    if whole > ELEMENTS_MAX:
        raise BadTensor(f"tensor '{name}' has more than {ELEMENTS_MAX} elements: its shape is {list(shape)}")
    return count
