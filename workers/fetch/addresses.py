"""Which addresses may be connected to: public ones, also where one is carried inside another. Pure."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

CARRIERS = {
    "NAT64": IPv6Network("64:ff9b::/96"),
    "local NAT64": IPv6Network("64:ff9b:1::/48"),
    "IPv4-compatible": IPv6Network("::/96"),
}
"""IPv6 networks whose addresses hold an IPv4 address in their last 32 bits."""
TUNNELS = (IPv6Network("2002::/16"), IPv6Network("2001::/32"))
"""6to4 and Teredo: nobody serves pictures there, and where they lead is not seen from here."""

UNICAST = IPv6Network("2000::/3")
"""All of IPv6 that is given to anybody."""
SPECIAL = (
    IPv4Network("192.0.0.0/24"),  # a cloud's metadata among it; Python's list lacks most of it
    IPv4Network("192.88.99.0/24"),
    IPv4Network("168.63.129.16/32"),  # a cloud's own server, at a public address
)


def why_not(address: str) -> str:
    """Why the address may not be connected to; empty = it may."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return "it is no address"
    if isinstance(found, IPv6Address):
        inner = _carried(found)
        if inner is not None:
            return why_not(str(inner))
        if found not in UNICAST or any(found in network for network in TUNNELS):
            return "it is not public"
    elif any(found in network for network in SPECIAL):
        return "it is not public"
    if not found.is_global or found.is_multicast or found.is_reserved or found.is_unspecified:
        return "it is not public"
    return ""


def _carried(address: IPv6Address) -> IPv4Address | None:
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if any(address in network for network in CARRIERS.values()):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None
