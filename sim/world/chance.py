"""Randomness from one seed: a generator per purpose, so that one more draw here moves none elsewhere."""

import hashlib
import random


class Chance:
    """The generators of one world. The same seed and purpose give the same numbers on any machine."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def of(self, purpose: str) -> random.Random:
        """A generator of its own for this purpose, at its beginning."""
        digest = hashlib.sha256(f"{self.seed}/{purpose}".encode()).digest()
        return random.Random(int.from_bytes(digest[:8], "big"))
