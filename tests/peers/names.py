"""Host names for tests: each gets a loopback address of its own, so that a server that goes down keeps its port.

names = Names()
listener = names.listen("peer1.test")        # a listening socket on 127.x.y.z and a free high port
names.addresses                              # {"peer1.test": "127.x.y.z"}: what CLARION_RESOLVE is made of
"""

from __future__ import annotations

import itertools
import os
import socket
from ipaddress import IPv4Network

LOOPBACK = IPv4Network("127.0.0.0/8")
"""What a client under test exempts from its address guard (CLARION_ALLOW_ADDRESSES)."""

# Spread over the 127 network, so that test processes side by side seldom meet on one address.
_FIRST = int(LOOPBACK.network_address) + 0x0100_00 * (1 + os.getpid() % 250)
_free = itertools.count(_FIRST + 2)


class Names:
    """Who lives at which loopback address in one test."""

    def __init__(self) -> None:
        self.addresses: dict[str, str] = {}

    def claim(self, name: str) -> str:
        """The loopback address of `name`; a free one the first time it is asked for."""
        if name not in self.addresses:
            self.addresses[name] = socket.inet_ntoa(next(_free).to_bytes(4, "big"))
        return self.addresses[name]

    def listen(self, name: str, port: int = 0) -> socket.socket:
        """A socket listening at `name`; port 0 takes a free high one."""
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((self.claim(name), port))
        listener.listen(128)
        listener.setblocking(False)
        return listener

    def free_port(self, name: str) -> int:
        """A port at `name` where nobody listens: connections to it are refused."""
        with self.listen(name) as listener:
            port: int = listener.getsockname()[1]
        return port
