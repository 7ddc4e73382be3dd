"""Slots: who counts where, through reloads."""

import pytest

from proxy.family import slots as module
from proxy.family.slots import Slots


def test_an_application_keeps_its_slot_and_a_new_owner_finds_it_clean() -> None:
    """Limits survive reloads; they are not inherited."""
    reset: list[int] = []
    slots = Slots(reset.append)
    first = slots.of("a")
    assert slots.of("a") == first
    slots.keep(["a", "b"])
    second = slots.of("b")
    assert {first, second} == set(reset) == {1, 2}
    assert slots.shown() == {"a": first, "b": second}
    assert slots.used == range(1, 3)


def test_a_dropped_slot_is_given_away_only_when_no_process_holds_it() -> None:
    """A request of an earlier table still counts in it."""
    reset: list[int] = []
    slots = Slots(reset.append)
    slot = slots.of("a")
    slots.keep([])
    assert slots.shown() == {}
    assert slots.find("a") == slot
    slots.release({slot})
    assert slots.of("b") != slot
    slots.release(set())
    assert slots.find("a") is None
    assert slots.of("c") == slot
    assert reset.count(slot) == 2


def test_an_application_that_comes_back_while_it_is_still_called_has_its_old_slot() -> None:
    """So that its limit is exact."""
    reset: list[int] = []
    slots = Slots(reset.append)
    slot = slots.of("a")
    slots.keep([])
    slots.release({slot})
    assert slots.of("a") == slot
    assert reset == [slot]
    slots.release(set())
    assert slots.of("b") != slot


def test_there_is_room_for_as_many_as_there_are_slots(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table with more is refused, rather than served without limits."""
    monkeypatch.setattr(module, "SLOTS_MAX", 4)
    slots = Slots(lambda _: None)
    for name in ("a", "b", "c"):
        assert slots.room([name])
        slots.of(name)
    assert slots.room(["a", "b", "c"])
    assert not slots.room(["d"])
    slots.keep(["a", "b"])
    assert not slots.room(["d"])
    slots.release(set())
    assert slots.room(["d"])
