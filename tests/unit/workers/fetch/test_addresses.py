"""Addresses that must never be connected to for a caller, in every disguise that we know."""

import pytest

from workers.fetch.addresses import why_not


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.255.255.254",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",  # the metadata service of several clouds
        "100.100.100.200",  # of another: shared address space
        "100.64.0.1",
        "192.0.0.192",  # of a third
        "168.63.129.16",  # of a fourth, and public but for what answers there
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fd00:ec2::254",  # metadata over IPv6
        "fec0::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:a9fe:a9fe",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::10.0.0.1",
        "64:ff9b:1::7f00:1",
        "2002:7f00:1::",
        "2001:0:7f00:1::",
        "2001:db8::1",
        "5f00::1",
        "4000::1",
        "not an address",
        "",
    ],
)
def test_an_address_inside_is_refused_in_every_form(address: str) -> None:
    """One that is let through is a way into the operator's network."""
    assert why_not(address)


@pytest.mark.parametrize(
    "address", ["93.184.215.14", "8.8.8.8", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "64:ff9b::808:808"]
)
def test_a_public_address_is_let_through(address: str) -> None:
    """Behind NAT64, public IPv4 servers have such addresses."""
    assert why_not(address) == ""
