"""Which IP addresses a URL that someone gave us may lead to: public unicast ones and nothing else.

A table of our own, since `ipaddress.is_global` is true for several ways to write a private address, and
which ones depends on Python's patch release. Sources: the IANA special-purpose address registries for IPv4
and IPv6; 168.63.129.16 is Azure's metadata and health service on a public address.
"""

from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

_REFUSED_V4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this host
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT, and Alibaba's metadata
        "127.0.0.0/8",
        "168.63.129.16/32",
        "169.254.0.0/16",  # link-local, and most clouds' metadata
        "172.16.0.0/12",
        "192.0.0.0/24",  # protocol assignments, and Oracle's metadata
        "192.0.2.0/24",
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
# Outside of it are loopback, mapped and compatible IPv4, NAT64, unique local, link-local, multicast.
_GLOBAL_UNICAST_V6 = IPv6Network("2000::/3")
_REFUSED_V6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments: Teredo, ORCHID, benchmarking
        "2001:db8::/32",
        "2002::/16",  # 6to4 leads to any IPv4 address
        "3fff::/20",
    )
)


def may_connect(address: str, *, loopback: bool = False) -> bool:
    """Say whether we may connect to ``address``, in the canonical notation that resolvers return.

    With ``loopback``, 127.0.0.0/8 and ::1 are allowed too, for a developer's machine.
    """
    try:
        ip = ip_address(address)
    except (AddressValueError, ValueError):
        return False
    match ip:
        case IPv4Address():
            return (loopback and ip.is_loopback) or not any(ip in network for network in _REFUSED_V4)
        case IPv6Address():
            if loopback and ip == IPv6Address("::1"):
                return True
            usable = ip in _GLOBAL_UNICAST_V6 and ip.scope_id is None
            return usable and not any(ip in network for network in _REFUSED_V6)
