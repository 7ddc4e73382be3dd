"""A slot: where one request is, and until when it is wanted. A record in the owning front's memory.

The front writes `Ask` before it sends the slot's number; the process that holds the slot writes `Answer`
before it sends the number back. In between, the front may write that its caller left, and nothing else.
"""

import struct
from enum import IntEnum
from typing import Final, NamedTuple

_ASK: Final = struct.Struct("<IIdQQQQdBB")
_ANSWER: Final = struct.Struct("<IIQQQQQ")
_CANCELLED_AT: Final = 58
_ANSWER_AT: Final = 64
SLOT_BYTES: Final = 128  # two cache lines: one for each side


class Ask(NamedTuple):
    """What the front writes. Offsets are from the heap's start, times of the monotonic clock."""

    generation: int  # of this use of the slot; who knows another one is late
    model: int  # the number of the loaded model
    deadline_s: float  # infinite = none
    offset: int  # of what is asked
    length: int
    room_at: int  # where the answer goes
    room: int  # bytes that it may take
    arrived_s: float
    rank: int  # of criticality; 0 is the most critical
    step: int


class Answer(NamedTuple):
    """What the process that held the slot writes."""

    status: int
    batch: int = 1  # requests that ran together
    written: int = 0  # bytes of the answer, or of the words; with ROOM those that it would take
    queue_ns: int = 0
    input_ns: int = 0
    infer_ns: int = 0
    output_ns: int = 0


def write_ask(memory: memoryview, slot: int, ask: Ask) -> None:
    """Fill a slot; it is not cancelled."""
    at = slot * SLOT_BYTES
    _ASK.pack_into(memory, at, *ask)
    memory[at + _CANCELLED_AT] = 0


def read_ask(memory: memoryview, slot: int) -> Ask:
    """What is asked."""
    return Ask._make(_ASK.unpack_from(memory, slot * SLOT_BYTES))


def write_answer(memory: memoryview, slot: int, answer: Answer) -> None:
    """Say how it ended."""
    _ANSWER.pack_into(memory, slot * SLOT_BYTES + _ANSWER_AT, *answer)


def read_answer(memory: memoryview, slot: int) -> Answer:
    """How it ended."""
    return Answer._make(_ANSWER.unpack_from(memory, slot * SLOT_BYTES + _ANSWER_AT))


def cancel(memory: memoryview, slot: int) -> None:
    """The caller left: whoever holds the slot need not go on."""
    memory[slot * SLOT_BYTES + _CANCELLED_AT] = 1


def cancelled(memory: memoryview, slot: int) -> bool:
    """Whether the caller left."""
    return memory[slot * SLOT_BYTES + _CANCELLED_AT] == 1


class Step(IntEnum):
    """What is to be done with a slot."""

    INFER = 0  # all of it: a request in, outputs out
    PREPARE = 1  # a request in, what the predictor takes out
    PREDICT = 2  # what PREPARE made in, outputs out


class Status(IntEnum):
    """How it ended. Those after ROOM carry words."""

    OK = 0
    DROPPED = 1  # its caller had left
    EXPIRED = 2
    ROOM = 3  # the answer did not fit
    BAD_TENSOR = 4
    BAD_INPUT = 5
    OVERLOADED = 6
    NOT_READY = 7
    MODEL_FAILED = 8


class Note(IntEnum):
    """What a message in a ring says of its slot."""

    JOB = 0  # do it
    CANCEL = 1  # its caller left
    DONE = 2  # it is yours again


_NOTE_SHIFT: Final = 56
_SLOT_SHIFT: Final = 32
_SLOT_MASK: Final = 0xFFFFFF
_GENERATION_MASK: Final = 0xFFFFFFFF
SLOTS_MAX: Final = _SLOT_MASK


def pack(note: int, slot: int, generation: int) -> int:
    """A message of 64 bits."""
    return note << _NOTE_SHIFT | slot << _SLOT_SHIFT | generation


def unpack(message: int) -> tuple[int, int, int]:
    """The note, the slot's number and the generation."""
    return message >> _NOTE_SHIFT, message >> _SLOT_SHIFT & _SLOT_MASK, message & _GENERATION_MASK


def next_generation(generation: int) -> int:
    """The one after; it wraps."""
    return generation + 1 & _GENERATION_MASK
