from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fediverse.protocol.addresses import allowed
from tests import vectors

VECTORS = [(vector["address"], vector["allowed"]) for vector in vectors.load("addresses")]


@pytest.mark.parametrize(("address", "expected"), VECTORS)
def test_d1_every_address_of_the_table_is_judged_as_the_table_says(address: str, expected: bool) -> None:
    assert allowed(address) is expected
    assert allowed(ip_address(address)) is expected


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",  # noqa: S104
        "10.255.255.255",
        "100.100.100.200",
        "192.0.0.8",
        "192.31.196.1",
        "192.52.193.1",
        "192.175.48.1",
        "224.0.0.1",
        "239.1.2.3",
        "255.255.255.255",
        "::127.0.0.1",
        "::8.8.8.8",
        "::ffff:127.0.0.1",
        "::ffff:a9fe:a9fe",
        "::ffff:0:8.8.8.8",
        "64:ff9b::7f00:1",
        "64:ff9b::808:808",
        "2002:808:808::1",
        "2001:0:808:808::1",
        "2001:db8::1",
        "ff02::1",
        "fe80::1%eth0",
        "2606:4700::1111%1",
        "2620:4f:8000::1",
        "3ffe::1",
        "4000::1",
    ],
)
def test_d1_ranges_beyond_the_table_are_refused(address: str) -> None:
    assert not allowed(address)


@pytest.mark.parametrize(
    "address",
    ["1.1.1.1", "9.9.9.9", "11.0.0.1", "100.63.255.255", "100.128.0.1", "172.15.255.255", "192.0.1.1", "223.255.255.1"],
)
def test_neighbours_of_refused_ranges_are_allowed(address: str) -> None:
    assert allowed(address)


@pytest.mark.parametrize("text", ["", "localhost", "127.1", "0x7f.1", "2130706433", "1.1.1.1:443", "[::1]", "1.1.1.1 "])
def test_text_that_is_no_address_is_refused(text: str) -> None:
    assert not allowed(text)


def test_an_exempt_network_is_allowed_and_nothing_beside_it() -> None:
    exempt = (IPv4Network("127.0.0.0/8"), IPv6Network("fd00::/8"))
    assert allowed("127.0.0.7", exempt)
    assert allowed("::ffff:127.0.0.7", exempt)
    assert allowed("fd00::1", exempt)
    assert not allowed("10.0.0.1", exempt)
    assert not allowed("::1", exempt)
    assert not allowed("169.254.169.254", exempt)


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_judged_alike_in_both_spellings(address: IPv4Address) -> None:
    assert allowed(IPv6Address(0xFFFF_0000_0000 | int(address))) is allowed(address)


@given(st.ip_addresses(v=6, network="2002::/16") | st.ip_addresses(v=6, network="64:ff9b::/96"))
def test_d1_no_tunnel_carries_any_address(address: IPv6Address) -> None:
    assert not allowed(address)
