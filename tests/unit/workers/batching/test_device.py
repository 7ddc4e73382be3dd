"""One device, several models: nobody starves, nobody hoards, and the critical goes first."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.batching.batcher import Batcher
from workers.batching.device import DeviceScheduler
from workers.batching.item import Item
from workers.batching.limits import BatchLimits

LIMITS = BatchLimits(max_batch_size=4)


def scheduler(*names: str, **weights: float) -> DeviceScheduler[str]:
    return DeviceScheduler({name: Batcher(LIMITS) for name in names}, weights)


class Load:
    """Keeps models supplied, and the device busy."""

    def __init__(self, device: DeviceScheduler[str], seconds: dict[str, float]) -> None:
        self.device = device
        self.seconds = seconds
        self.used = dict.fromkeys(seconds, 0.0)
        self.now = 0.0
        self._handle = 0

    def fill(self, *names: str) -> None:
        for name in names:
            while len(self.device.batchers[name]) < 4:
                self._handle += 1
                self.device.batchers[name].add(Item(handle=self._handle, arrived_s=self.now), self.now)

    def run(self, turns: int, *names: str) -> None:
        for _ in range(turns):
            self.fill(*names)
            turn = self.device.take(self.now)
            assert turn is not None
            took_s = self.seconds[turn.name]
            self.now += took_s
            self.used[turn.name] += took_s
            self.device.ended(turn, took_s)


@settings(max_examples=30, deadline=None)
@given(st.floats(0.001, 0.1), st.floats(0.001, 0.1), st.floats(0.5, 4))
def test_models_share_the_device_by_time_and_weight(a_s: float, b_s: float, weight: float) -> None:
    """By turns, a model with slow batches would take the device from the others."""
    load = Load(scheduler("a", "b", a=weight), {"a": a_s, "b": b_s})
    load.run(300, "a", "b")
    assert abs(load.used["a"] / weight - load.used["b"]) <= a_s / weight + b_s + 1e-9


def test_who_was_idle_has_saved_nothing_up() -> None:
    """Else a model that slept for an hour would keep the device for an hour."""
    load = Load(scheduler("a", "b"), {"a": 0.01, "b": 0.01})
    load.run(500, "a")
    load.used["a"] = 0.0
    load.run(100, "a", "b")
    assert load.used["a"] == pytest.approx(load.used["b"], abs=0.021)


def test_the_most_critical_batch_of_any_model_is_next() -> None:
    """Fair shares are for equals."""
    device = scheduler("a", "b")
    load = Load(device, {"a": 1.0, "b": 1.0})
    load.run(3, "b")  # b has used its share
    device.batchers["a"].add(Item(handle=-1, rank=1, arrived_s=0.0), load.now)
    device.batchers["b"].add(Item(handle=-2, rank=0, arrived_s=0.0), load.now)
    turn = device.take(load.now)
    assert turn is not None
    assert turn.name == "b"


def test_who_cannot_wait_for_anothers_turn_goes_before_his_share() -> None:
    """A turn of the other would cost the deadline."""
    device = scheduler("a", "b")
    load = Load(device, {"a": 0.1, "b": 0.1})
    load.run(10, "a", "b")
    load.run(5, "a")  # b has used less
    a, b = device.batchers["a"], device.batchers["b"]
    while b.take(load.now) or a.take(load.now):
        pass
    b.add(Item(handle=-2, deadline_s=load.now + 9.0, arrived_s=load.now), load.now)
    a.add(Item(handle=-1, deadline_s=load.now + 0.04, arrived_s=load.now), load.now)
    device._idle.clear()
    turn = device.take(load.now)
    assert turn is not None
    assert turn.name == "a"


def test_what_expired_is_told_with_its_model() -> None:
    """The caller must find the request again."""
    device = scheduler("a", "b")
    device.batchers["b"].add(Item(handle=7, deadline_s=1.0, arrived_s=0.0), 0.0)
    assert device.expired(2.0) == [("b", 7)]
    assert device.take(2.0) is None
    assert device.due(2.0) is None


def test_a_model_joins_and_leaves_while_others_run() -> None:
    """A new version comes beside the old one."""
    device = scheduler("a")
    load = Load(device, {"a": 0.01, "b": 0.01})
    load.run(50, "a")
    device.add("b", Batcher(LIMITS))
    load.run(20, "a", "b")
    assert load.used["b"] == pytest.approx(0.1, abs=0.011)
    load.fill("a", "b")
    while (turn := device.take(load.now)) is not None and turn.name != "b":
        pass
    assert turn is not None
    assert device.remove("b") is not None
    assert list(device.ended(turn, 0.01)) == []
    assert device.remove("b") is None


def test_running_out_of_memory_reaches_the_models_own_batcher() -> None:
    """The cap is the model's; the time was the device's."""
    device = scheduler("a")
    for handle in range(4):
        device.batchers["a"].add(Item(handle=handle, arrived_s=0.0), 0.0)
    turn = device.take(0.0)
    assert turn is not None
    assert list(device.ended(turn, 0.01, out_of_memory=True)) == [0, 1, 2, 3]
