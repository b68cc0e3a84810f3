"""Which addresses we connect to: a table of our own, address by address.

Python's `is_global` says yes to multicast, 6to4, NAT64 and more, and says it differently from version to version;
several fediverse servers mended their list two or three times (must-survive §1.1 and §4.2). So: what is not in the
public unicast space is refused, and of that space every special range is refused by name. Nothing here looks at a
property whose meaning the standard library may change.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# Public unicast space: IPv4 below multicast, IPv6 what IANA hands to the registries. Outside it lie ::/3
# (unspecified, loopback, v4-compatible, NAT64 64:ff9b::/96 and 64:ff9b:1::/48, discard 100::/64), 5f00::/16
# (segment routing), fc00::/7 (unique local), fe80::/10 and fec0::/10 (link and site local), ff00::/8 (multicast).
GLOBAL: tuple[Network, ...] = (
    IPv4Network("0.0.0.0/1"),
    IPv4Network("128.0.0.0/2"),
    IPv4Network("192.0.0.0/3"),
    IPv6Network("2000::/3"),
)

# Ranges inside that space which are no public hosts (IANA special-purpose registries, RFC 6890 and later).
DENIED: tuple[Network, ...] = (
    IPv4Network("0.0.0.0/8"),  # this host
    IPv4Network("10.0.0.0/8"),  # private
    IPv4Network("100.64.0.0/10"),  # carrier-grade NAT
    IPv4Network("127.0.0.0/8"),  # loopback
    IPv4Network("169.254.0.0/16"),  # link local, cloud metadata
    IPv4Network("172.16.0.0/12"),  # private
    IPv4Network("192.0.0.0/24"),  # protocol assignments
    IPv4Network("192.0.2.0/24"),  # documentation
    IPv4Network("192.31.196.0/24"),  # AS112
    IPv4Network("192.52.193.0/24"),  # AMT
    IPv4Network("192.88.99.0/24"),  # 6to4 relays
    IPv4Network("192.168.0.0/16"),  # private
    IPv4Network("192.175.48.0/24"),  # AS112
    IPv4Network("198.18.0.0/15"),  # benchmarks
    IPv4Network("198.51.100.0/24"),  # documentation
    IPv4Network("203.0.113.0/24"),  # documentation
    IPv6Network("2001::/23"),  # protocol assignments: Teredo, benchmarks, ORCHID, DRIP
    IPv6Network("2001:db8::/32"),  # documentation
    IPv6Network("2002::/16"),  # 6to4
    IPv6Network("2620:4f:8000::/48"),  # AS112
    IPv6Network("3ffe::/16"),  # the old 6bone, given back
    IPv6Network("3fff::/20"),  # documentation
)


def allowed(address: str | Address, exempt: Sequence[Network] = ()) -> bool:
    """Whether a connection to `address` may be opened.

    `exempt` are the networks an operator opened on purpose (CLARION_ALLOW_ADDRESSES). An IPv4 address written in IPv6
    (::ffff:a.b.c.d) is judged as that IPv4 address. Text that is no address, and an address with a zone, is refused.
    """
    if isinstance(address, str):
        try:
            address = ipaddress.ip_address(address)
        except ValueError:
            return False
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            return False
        if int(address) >> 32 == 0xFFFF:
            address = IPv4Address(int(address) & 0xFFFF_FFFF)
    if _within(address, exempt):
        return True
    return _within(address, GLOBAL) and not _within(address, DENIED)


def _within(address: Address, networks: Sequence[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)
