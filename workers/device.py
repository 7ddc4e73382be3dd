"""Where models run. Parses the words; each backend decides whether it can."""

import re
from pathlib import Path

import msgspec

CUDA = "cuda"
DRIVER = Path("/dev/nvidiactl")

DEVICE_BATCHES = 3
"""On one GPU at once: one computes, one is queued behind it, one is collected and decoded."""


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """`cpu`, `cuda` with an index, or `auto`: CUDA where a backend finds it, else the CPU."""

    type: str = "auto"
    index: int = 0

    def __str__(self) -> str:
        return f"cuda:{self.index}" if self.type == "cuda" else self.type


ANY = Device()


def parse_device(text: str) -> Device:
    """`cpu`, `cuda`, `cuda:N` or `auto`. Raises ValueError with words for anything else."""
    found = re.fullmatch(r"(cpu|auto)|cuda(?::([0-9]{1,3}))?", text)
    if found is None:
        raise ValueError(f"'{text}' is none of cpu, cuda, cuda:N, auto")
    if found[1]:
        return Device(type=found[1])
    return Device(type="cuda", index=int(found[2] or 0))


def shared(device: Device) -> bool:
    """Whether models take turns on it: a GPU, also where `auto` finds one."""
    return device.type == CUDA or (device.type == "auto" and DRIVER.exists())


class Ground(msgspec.Struct, frozen=True, kw_only=True):
    """What a model stands on in its process."""

    device: Device = Device()
    threads: int = 0  # for one inference; 0 = the library's own choice
