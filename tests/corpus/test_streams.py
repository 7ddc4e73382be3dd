"""Streams that nobody would write by hand, at both ends of the data path: a short run of the fuzzer.

h11 is an independent reading of RFC 9112. What the proxy takes as a request or as an answer, h11 must take
too, and read the same: a message that two servers read differently is how requests are smuggled.
"""

import random

import pytest

from sim.fuzz.campaign import Campaign
from sim.fuzz.corpus import case_text

FIXED = 20_261_126
CASES = 10_000
KINDS = (
    *(
        "edge: the same",
        "edge: both refuse",
        "edge: stricter: a line without CR",
        "edge: stricter: too large",
    ),
    *("edge: laxer: empty lines first", "clusters: the same", "clusters: neither takes it"),
    *("clusters: stricter: more than an answer", "clusters: stricter: too large"),
)


@pytest.mark.parametrize("seed", [FIXED, random.SystemRandom().getrandbits(32)], ids=["fixed", "fresh"])
def test_random_streams_break_nothing_and_mean_the_same_to_h11_however_they_are_cut(seed: int) -> None:
    """No exception, no answer without a request, nothing after a refusal, no leak, no reading of our own."""
    print(f"seed {seed}; again: python -m sim.fuzz --cases {CASES} --seed {seed}")
    campaign = Campaign(seed)
    campaign.run(CASES)
    print(campaign.seen)
    assert not campaign.found, "\n".join(
        f"{each.complaint}\n{case_text(each.case)}" for each in campaign.found
    )
    assert campaign.cases == CASES
    assert all(campaign.seen[kind] for kind in KINDS), campaign.seen
