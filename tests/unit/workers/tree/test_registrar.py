"""One word about regions for all fronts: both ends are real, the channel between them is the test."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from tests.stand_ins.descriptors import open_files
from workers.errors import NotReady
from workers.oip.places import Place
from workers.regions.errors import BadRegion, RegionTaken
from workers.regions.limits import RegionLimits
from workers.regions.region import Region, Took
from workers.regions.regions import Regions
from workers.tree.registrar import Registrar

LIMITS = RegionLimits(regions_max=3, bytes_max=40)
TURNS = 20


class Front:
    """One life of a front; what it is told waits until `hear`."""

    def __init__(self, registrar: Registrar) -> None:
        self.child: object = object()
        self.regions = Regions(RegionLimits(), lambda message: registrar.heard(self, message))
        self.told: list[tuple[Any, list[int]]] = []
        self.deaf = False

    def send(self, message: object, *descriptors: int) -> None:
        self.told.append((message, [os.dup(descriptor) for descriptor in descriptors]))

    def hear(self) -> None:
        told, self.told = self.told, []
        for message, descriptors in told:
            self.regions.take(message, descriptors)

    def names(self) -> list[str]:
        return [region.name for region in self.regions.status()]


class House:
    """Two fronts and their registrar, over a folder with one object of 16 bytes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.make("k", b"0123456789abcdef")
        self.living: list[Front] = []
        self.registrar = Registrar(lambda: self.living, LIMITS, folder)
        self.begin()
        self.begin()

    def make(self, key: str, content: bytes) -> None:
        path = self.folder / key
        path.unlink(missing_ok=True)
        path.write_bytes(content)

    def begin(self) -> Front:
        front = Front(self.registrar)
        self.living.append(front)
        self.registrar.began(front)
        return front

    def lose(self, front: Front) -> None:
        self.living.remove(front)
        self.registrar.lost(front)

    async def turns(self, *fronts: Front) -> None:
        """Let these hear what they are told, until there is nothing more to say."""
        for _ in range(TURNS):
            await asyncio.sleep(0)
            for front in fronts:
                front.hear()

    async def register(self, name: str = "r", key: str = "k", size: int = 16, at: int = 0) -> None:
        wish = asyncio.create_task(self.living[at].regions.register(Region(name=name, key=key, size=size)))
        await self.turns(*self.living)
        await wish

    def open(self) -> int:
        """Descriptors of objects, of all fronts and of the registrar."""
        return open_files(str(self.folder))


@pytest.fixture
async def house(tmp_path: Path) -> Any:
    made = House(tmp_path)
    yield made
    await made.registrar.close()


async def test_a_registration_is_granted_when_every_front_acts_by_it(house: House) -> None:
    """The caller's next request may meet any of them."""
    first, second = house.living
    wish = asyncio.create_task(first.regions.register(Region(name="r", key="k", size=16)))
    await house.turns(first)
    assert (first.names(), second.names(), wish.done()) == (["r"], [], False)
    await house.turns(first, second)
    await wish
    assert second.names() == ["r"]


async def test_an_end_is_granted_when_no_front_uses_it_any_more(house: House) -> None:
    """Its owner gives the memory to something else then."""
    await house.register()
    first, second = house.living
    wish = asyncio.create_task(first.regions.unregister("r"))
    await house.turns(first)
    assert (first.names(), second.names(), wish.done()) == ([], ["r"], False)
    await house.turns(first, second)
    await wish
    assert second.names() == []


async def test_a_name_is_taken_for_all(house: House) -> None:
    """Two callers at two fronts cannot both have it, and the first one's stays."""
    await house.register(size=8)
    with pytest.raises(RegionTaken, match=r"^shared memory region 'r' already in manager$"):
        await house.register(at=1)
    assert [front.regions.status()[0].size for front in house.living] == [8, 8]


async def test_wishes_at_once_are_settled_one_after_the_other(house: House) -> None:
    """Each front's word is for one of them."""
    wishes = [
        asyncio.create_task(front.regions.register(Region(name=name, key="k", size=8)))
        for front, name in zip(house.living * 2, "abca", strict=True)
    ]
    await house.turns(*house.living)
    results = await asyncio.gather(*wishes, return_exceptions=True)
    assert [type(result) for result in results] == [type(None)] * 3 + [RegionTaken]
    assert [front.names() for front in house.living] == [["a", "b", "c"]] * 2


async def test_a_front_that_dies_is_not_waited_for(house: House) -> None:
    """It knows nothing any more."""
    first, second = house.living
    wish = asyncio.create_task(first.regions.register(Region(name="r", key="k", size=16)))
    await house.turns(first)
    assert not wish.done()
    house.lose(second)
    await house.turns(first)
    await wish


async def test_a_front_that_is_started_again_has_the_very_same_object(house: House) -> None:
    """Under the key there may be another one now, or none."""
    await house.register()
    house.make("k", b"something else..")
    house.lose(house.living[1])
    again = house.begin()
    again.hear()
    assert again.regions.find(Place(region="r", size=4)).read(Place(region="r", size=4)) == b"0123"
    await house.register("s", at=1)
    assert [front.names() for front in house.living] == [["r", "s"], ["r", "s"]]


async def test_a_front_that_begins_in_the_midst_has_it_too(house: House) -> None:
    """Started after the others were told, and before they all have heard."""
    first, second = house.living
    wish = asyncio.create_task(first.regions.register(Region(name="r", key="k", size=16)))
    await house.turns(first)
    third = house.begin()
    await house.turns(first, second, third)
    await wish
    assert third.names() == ["r"]


async def test_what_one_front_cannot_take_is_taken_back_from_all(house: House) -> None:
    """Half registered would mean: some requests are answered, others not."""
    second = house.living[1]
    second.send = lambda message, *_: Front.send(second, message)  # type: ignore[method-assign] # no number left
    with pytest.raises(NotReady, match="no file descriptor left"):
        await house.register()
    assert [front.names() for front in house.living] == [[], []]
    assert house.open() == 0


async def test_a_front_that_does_not_answer_is_told_of(house: House, monkeypatch: Any) -> None:
    """Its own keeper decides what becomes of it; the caller may come again."""
    monkeypatch.setattr("workers.tree.registrar.TOOK_S_MAX", 0.0)
    first, second = house.living
    wish = asyncio.create_task(first.regions.register(Region(name="r", key="k", size=16)))
    await house.turns(first)
    with pytest.raises(NotReady, match="did not answer in time"):
        await wish
    second.hear()  # late: it hears of the region, and that there is none
    assert (first.names(), second.names()) == ([], [])


async def test_late_words_of_an_earlier_wish_count_for_nothing(house: House) -> None:
    """Else a front would look settled that has not heard yet."""
    first, second = house.living
    wish = asyncio.create_task(first.regions.register(Region(name="r", key="k", size=16)))
    await house.turns(first)
    house.registrar.heard(second, Took(0))
    await house.turns(first)
    assert not wish.done()
    await house.turns(first, second)
    await wish


async def test_a_later_life_is_not_told_what_an_earlier_one_wished(house: House) -> None:
    """Its wishes are counted from the beginning: the answer would be taken for another's."""
    first, second = house.living
    wish = asyncio.create_task(first.regions.register(Region(name="r", key="k", size=16)))
    await house.turns()
    first.child = object()
    await house.turns(first, second)
    assert not wish.done()
    wish.cancel()


async def test_regions_have_limits_in_number_and_in_bytes(house: House) -> None:
    """Each holds a descriptor in every front, and its owner's memory."""
    await house.register("a", size=16)
    await house.register("b", size=16)
    with pytest.raises(BadRegion, match="40 bytes in all; 32 are registered"):
        await house.register("c", size=9)
    await house.register("c", size=8)
    with pytest.raises(BadRegion, match="holds 3 shared memory regions"):
        await house.register("d", size=1)
    assert house.open() == 9  # three, here and in each front
    wish = asyncio.create_task(house.living[1].regions.unregister())
    await house.turns(*house.living)
    await wish
    assert [front.names() for front in house.living] == [[], []]
    assert house.open() == 0


async def test_a_key_that_cannot_be_opened_changes_nothing(house: House) -> None:
    """And the next wish is served."""
    with pytest.raises(BadRegion, match="Unable to open shared memory region: 'none'"):
        await house.register(key="none")
    await house.register()
    wish = asyncio.create_task(house.living[0].regions.unregister("never there"))
    await house.turns(*house.living)
    await wish
    assert house.living[1].names() == ["r"]


async def test_the_end_lets_all_go(house: House) -> None:
    """Also where somebody still waits."""
    await house.register()
    wish = asyncio.create_task(house.living[0].regions.register(Region(name="s", key="k", size=16)))
    await house.turns()
    wish.cancel()
    assert house.open() == 6  # two here, one in each front, one on its way to each
    await house.registrar.close()
    assert house.open() == 4
    for front in house.living:
        front.hear()
