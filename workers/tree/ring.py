"""A ring of 64-bit messages in shared memory, for one producer and one consumer. It knows no meaning.

No lock: a process that is killed in the middle leaves at most one message that was never published.
The producer alone writes `head`, the consumer alone `tail`; both count messages since the start. Each is
an aligned word, written in one piece, after the cells that it speaks of; processors with total store order
(x86-64) show it to others in that order, and waking through an eventfd orders it anywhere.
"""

from typing import Final

WORD_BYTES: Final = 8
HEAD: Final = 0  # words; a cache line apart, so that the two ends do not fight over one
TAIL: Final = 8
CELLS: Final = 16


class RingFull(AssertionError):
    """More was pushed than the ring was made for: a bug of the producer, which bounds what is on its way."""


def ring_bytes(messages_max: int) -> int:
    """What a ring takes up."""
    return (CELLS + messages_max) * WORD_BYTES


class Ring:
    """Both ends; each process uses one. `words` is the ring's memory, cast to "Q"."""

    def __init__(self, words: memoryview) -> None:
        self._words = words
        self._size = len(words) - CELLS
        assert self._size > 0, "a ring has room"

    def push(self, message: int) -> None:
        """Publish one message. Raises RingFull."""
        words = self._words
        head = words[HEAD]
        if head - words[TAIL] >= self._size:
            raise RingFull(f"{self._size} messages wait")
        words[CELLS + head % self._size] = message
        words[HEAD] = head + 1

    def pop_all(self) -> list[int]:
        """Take all that is published, in order."""
        words = self._words
        tail, head = words[TAIL], words[HEAD]
        count = head - tail
        if not count:
            return []
        start = tail % self._size
        messages: list[int] = words[CELLS + start : CELLS + min(start + count, self._size)].tolist()
        if len(messages) < count:  # it goes on at the beginning
            messages += words[CELLS : CELLS + count - len(messages)].tolist()
        words[TAIL] = head
        return messages

    def clear(self) -> None:
        """Forget everything. Only while the other end is dead."""
        self._words[HEAD] = self._words[TAIL] = 0

    def __len__(self) -> int:
        return int(self._words[HEAD] - self._words[TAIL])
