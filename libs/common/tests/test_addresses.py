"""The table of addresses against every range of the registries, and against Python's own opinion."""

from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from huntaze_common.addresses import may_connect
from hypothesis import given
from hypothesis import strategies as st

_REFUSED = """
0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 168.63.129.16/32 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24
192.0.2.0/24 192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4
240.0.0.0/4 ::/128 ::1/128 ::/96 ::ffff:0:0/96 64:ff9b::/96 64:ff9b:1::/48 100::/64 2001::/23
2001:db8::/32 2002::/16 3fff::/20 5f00::/16 fc00::/7 fe80::/10 fec0::/10 ff00::/8
"""
REFUSED = _REFUSED.split()
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "93.184.216.34",
    "172.15.255.255",
    "172.32.0.0",
    "100.63.255.255",
    "100.128.0.0",
]
PUBLIC_V6 = ["2606:4700::1111", "2a00:1450:4001::200e", "2001:4860:4860::8888", "2001:200::1", "2620:fe::fe"]


@pytest.mark.parametrize("network", REFUSED)
def test_both_ends_of_every_special_range_are_refused(network: str) -> None:
    assert not may_connect(str(ip_network(network)[0]))
    assert not may_connect(str(ip_network(network)[-1]))


@pytest.mark.parametrize("address", PUBLIC + PUBLIC_V6)
def test_public_addresses_are_allowed(address: str) -> None:
    """A table that refused everything would pass all the other tests."""
    assert may_connect(address)


@given(st.ip_addresses())
def test_what_python_calls_special_is_refused(address: IPv4Address | IPv6Address) -> None:
    """Python's list has gaps, but nothing that is on it is public."""
    if not address.is_global or address.is_multicast or address.is_reserved:
        assert not may_connect(str(address))


@given(st.ip_addresses(v=4), st.sampled_from(["::ffff:{}", "::{}", "64:ff9b::{}"]))
def test_an_ipv4_address_inside_an_ipv6_one_is_refused(address: IPv4Address, form: str) -> None:
    """Such an address leads to the IPv4 one, which the table for IPv6 cannot see."""
    assert not may_connect(form.format(address))


@pytest.mark.parametrize(
    "text", ["", "localhost", "127.1", "0x7f.0.0.1", "fe80::1%eth0", "2606:4700::1%1", "1.1.1.1 "]
)
def test_only_plain_addresses_are_addresses(text: str) -> None:
    assert not may_connect(text)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.255.255.254", "::1"])
def test_a_developers_machine_is_its_own_and_no_other(address: str) -> None:
    assert may_connect(address, loopback=True)
    assert not may_connect(address)


@pytest.mark.parametrize(
    "address", ["10.0.0.1", "169.254.169.254", "0.0.0.0", "::ffff:127.0.0.1", "::", "fd00::1"]
)
def test_development_opens_no_other_range(address: str) -> None:
    assert not may_connect(address, loopback=True)
