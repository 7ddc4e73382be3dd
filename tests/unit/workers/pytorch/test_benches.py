"""How many decoders there are, and for how long. Decoders are stand-ins: real ones need a GPU."""

from typing import ClassVar

import pytest
import torch

from workers.pytorch import benches as module
from workers.pytorch.benches import Benches
from workers.pytorch.nvjpeg import NoHardwareDecoder

DEVICE = torch.device("cuda")


class StandIn:
    """`Decoder`; at most `room` are open at once."""

    room: ClassVar[int] = 3
    opened: ClassVar[list["StandIn"]] = []

    def __init__(self) -> None:
        if len(self.opened) >= self.room:
            raise NoHardwareDecoder("full")
        self.opened.append(self)

    def warm(self, rows_max: int) -> None:
        assert rows_max == 128

    def close(self) -> None:
        self.opened.remove(self)


@pytest.fixture(autouse=True)
def _stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "Decoder", StandIn)
    monkeypatch.setattr(torch.cuda, "Stream", lambda device, priority: (device, priority))
    monkeypatch.setattr(StandIn, "opened", [])


def test_six_models_have_as_many_decoders_as_one() -> None:
    """A GPU holds some 15; six models with three each could not be loaded."""
    benches = Benches(3)
    for _ in range(6):
        benches.join(DEVICE)
    assert len(StandIn.opened) == 3
    for _ in range(5):
        benches.leave()
    with benches.one() as first, benches.one() as second:
        assert first[0] is not second[0]
    benches.leave()
    assert not StandIn.opened


def test_they_come_back_whatever_becomes_of_the_pictures() -> None:
    """A batch that fails must not take the decoder with it."""
    benches = Benches(1)
    benches.join(DEVICE)
    with pytest.raises(ZeroDivisionError), benches.one():
        raise ZeroDivisionError
    with benches.one() as bench:
        assert [bench[0]] == StandIn.opened


def test_a_gpu_without_room_for_all_is_left_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the next model may try again."""
    monkeypatch.setattr(StandIn, "room", 2)
    benches = Benches(3)
    with pytest.raises(NoHardwareDecoder):
        benches.join(DEVICE)
    assert not StandIn.opened
    monkeypatch.setattr(StandIn, "room", 3)
    benches.join(DEVICE)
    assert len(StandIn.opened) == 3
