"""Where outgoing connections may lead: decided at the address that is really connected to.

A name is looked up and what it may not lead to is left out; then the socket is refused once more at the moment it is
made. The address that was checked is the address connected to, so that a second answer of the name server changes
nothing (must-survive D2).
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

from fediverse.protocol import addresses
from fediverse.protocol.addresses import Network

HTTPS = 443
MAX_ADDRESSES = 4  # tried for one name; Mastodon tries two of each family (mastodon-compat §8)
# A name server that does not answer holds a thread for half a minute: others must find one free meanwhile.
LOOKUP_THREADS = 32

Lookup = Callable[[str], Sequence[str]]
"""From a host name to its addresses; blocks; raises OSError where there are none."""

_AddressInfo = tuple[int | socket.AddressFamily, int | socket.SocketKind, int, str, tuple[Any, ...]]


class AddressRefused(OSError):
    """No connection is opened to this address."""

    def __init__(self) -> None:
        super().__init__(errno.EACCES, "address refused")


def system_lookup(name: str) -> Sequence[str]:
    """The addresses of `name` as the system's resolver knows them, in its order."""
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except UnicodeError:
        raise OSError("no such name") from None
    return tuple(dict.fromkeys(str(address[0]) for *_, address in found))


class Guard:
    """Judges addresses: `exempt` networks (CLARION_ALLOW_ADDRESSES) are let in, and only they at ports besides 443."""

    def __init__(self, exempt: Sequence[Network] = ()) -> None:
        self._exempt = tuple(exempt)

    @property
    def any_port(self) -> bool:
        """Whether a URL may carry a port at all: some network was opened on purpose."""
        return bool(self._exempt)

    def admits(self, address: str, port: int = HTTPS) -> bool:
        """Whether a connection to `address` and `port` may be opened."""
        if not addresses.allowed(address, self._exempt):
            return False
        return port == HTTPS or self._is_exempt(address)

    def make_socket(self, info: _AddressInfo) -> socket.socket:
        """aiohttp's socket factory: the last word before a connection. Raises AddressRefused."""
        family, kind, protocol, _, address = info
        if not self.admits(address[0], address[1]):
            raise AddressRefused
        return socket.socket(family, kind, protocol)

    def _is_exempt(self, address: str) -> bool:
        parsed = ipaddress.ip_address(address)
        mapped = getattr(parsed, "ipv4_mapped", None)
        return any((mapped or parsed) in network for network in self._exempt)


class Resolver(AbstractResolver):
    """Looks names up: `pinned` ones (CLARION_RESOLVE) in that table alone, others with `lookup` in threads of its own.

    Answers only addresses the guard admits, at most MAX_ADDRESSES. Raises OSError for a name without addresses and
    AddressRefused for one that has none we may connect to.
    """

    def __init__(self, guard: Guard, pinned: Mapping[str, str], lookup: Lookup = system_lookup) -> None:
        self._guard = guard
        self._pinned = dict(pinned)
        self._lookup = lookup
        self._threads = ThreadPoolExecutor(LOOKUP_THREADS, thread_name_prefix="lookup")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Part of aiohttp's resolver interface; `family` is not looked at, both are always answered."""
        if host in self._pinned:
            found: Sequence[str] = (self._pinned[host],)
        else:
            found = await asyncio.get_running_loop().run_in_executor(self._threads, self._lookup, host)
        if not found:
            raise OSError("the name has no address")
        admitted = [address for address in found if self._guard.admits(address, port)]
        if not admitted:
            raise AddressRefused
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in admitted[:MAX_ADDRESSES]
        ]

    async def close(self) -> None:
        """Part of aiohttp's resolver interface. Lookups still running are left behind; their answers go nowhere."""
        self._threads.shutdown(wait=False, cancel_futures=True)
