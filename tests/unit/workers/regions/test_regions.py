"""One front's regions; the supervisor at the other end is the test."""

import asyncio
import os
from typing import Any

import pytest

from workers.errors import NotReady
from workers.oip.places import Place
from workers.regions.errors import BadRegion, NoRegion
from workers.regions.limits import RegionLimits
from workers.regions.region import Drop, Granted, Region, Share, Took, Wish
from workers.regions.regions import Regions

LIMITS = RegionLimits(name_bytes_max=4, key_bytes_max=4)
REGION = Region(name="r", key="k", size=8)
PLACE = Place(region="r", size=8)


def regions(limits: RegionLimits | None = LIMITS) -> tuple[Regions, list[Any]]:
    told: list[Any] = []
    return Regions(limits, told.append), told


def memory() -> int:
    file = os.memfd_create("object")
    os.pwrite(file, b"12345678", 0)
    return file


async def test_a_wish_lasts_until_the_supervisor_grants_it() -> None:
    """Before that it need not hold in the other fronts."""
    front, told = regions()
    wish = asyncio.create_task(front.register(REGION))
    await asyncio.sleep(0)
    assert told == [Wish(0, REGION)]
    front.take(Granted(7), [])
    await asyncio.sleep(0)
    assert not wish.done()
    front.take(Granted(0), [])
    await wish
    front.take(Granted(0), [])  # told twice: nobody waits any more


async def test_what_the_supervisor_refuses_is_raised() -> None:
    """In its words."""
    front, told = regions()
    wish = asyncio.create_task(front.unregister("r"))
    await asyncio.sleep(0)
    assert told == [Wish(0, name="r")]
    front.take(Granted(0, NotReady("not yet")), [])
    with pytest.raises(NotReady, match="not yet"):
        await wish


@pytest.mark.parametrize(
    ("name", "key"), [("", "k"), ("rrrrr", "k"), ("r", ""), ("r", "kkkkk"), ("\xe4" * 3, "k")]
)
async def test_names_have_limits(name: str, key: str) -> None:
    """They go through a channel that has one."""
    front, told = regions()
    with pytest.raises(BadRegion, match="has 1 to 4 bytes"):
        await front.register(Region(name=name, key=key, size=8))
    await front.unregister("rrrrr")  # none of such a name can be there
    assert told == []


async def test_what_is_not_offered_is_refused_and_nothing_is_there() -> None:
    """Programs unregister everything before they begin: that must not fail."""
    front, told = regions(None)
    with pytest.raises(BadRegion, match="not offered here"):
        await front.register(REGION)
    with pytest.raises(BadRegion, match="not offered here"):
        front.find(PLACE)
    await front.unregister()
    assert (front.offered, front.status(), told) == (False, [], [])


def test_a_region_is_there_until_it_is_dropped() -> None:
    """Each time the supervisor hears that it is so; what was found before stays open."""
    front, told = regions()
    for number, name in enumerate("rst"):
        front.take(Share(number, Region(name=name, key="k", size=8)), [memory()])
    assert [each.name for each in front.status()] == ["r", "s", "t"]
    assert front.status("s") == [Region(name="s", key="k", size=8)]
    found = front.find(PLACE)
    front.take(Drop(3, "r"), [])
    with pytest.raises(NoRegion, match=r"^Unable to find shared memory region: 'r'$"):
        front.find(PLACE)
    with pytest.raises(NoRegion, match=r"^Unable to find system shared memory region: 'r'$"):
        front.status("r")
    assert found.read(PLACE) == b"12345678"
    front.take(Drop(4, "r"), [])
    assert len(front.status()) == 2
    front.take(Drop(5, ""), [])
    assert front.status() == []
    assert told == [Took(number) for number in range(6)]


def test_a_place_is_checked_where_it_is_found() -> None:
    """Before anything is read or asked."""
    front, _ = regions()
    front.take(Share(0, REGION), [memory()])
    with pytest.raises(BadRegion, match="Invalid offset"):
        front.find(Place(region="r", offset=8, size=1))


def test_a_front_without_descriptors_says_so() -> None:
    """The kernel leaves out what does not fit: it must not be taken for registered."""
    front, told = regions()
    front.take(Share(0, REGION), [])
    assert told == [Took(0, "a front has no file descriptor left")]
    assert front.status() == []


async def test_a_supervisor_that_says_nothing_is_not_waited_for_for_ever(monkeypatch: Any) -> None:
    """The caller may ask again."""
    monkeypatch.setattr("workers.regions.regions.WISH_S_MAX", 0.0)
    front, _ = regions()
    with pytest.raises(NotReady):
        await front.register(REGION)
    front.take(Granted(0), [])
