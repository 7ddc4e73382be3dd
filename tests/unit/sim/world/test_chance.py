"""Randomness by purpose."""

from sim.world.chance import Chance


def test_a_seed_and_a_purpose_always_give_the_same_numbers() -> None:
    """The numbers are written down here: another machine must have the same."""
    assert [Chance(1).of("a").getrandbits(16) for _ in range(2)] == [Chance(1).of("a").getrandbits(16)] * 2
    assert Chance(7).of("draws").getrandbits(32) == 3_111_633_250


def test_purposes_and_seeds_do_not_share_numbers() -> None:
    """A draw more in one place must move none elsewhere."""
    drawn = {Chance(seed).of(purpose).random() for seed in (1, 2) for purpose in ("a", "b")}
    assert len(drawn) == 4
