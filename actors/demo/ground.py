"""The ground a demo stands on: a folder, names at loopback addresses, free ports, and an authority made on the spot.

Nothing here reaches beyond this machine, and nothing is left behind: the folder goes with the demo.
"""

from __future__ import annotations

import errno
import os
import socket
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import aiohttp
import trustme
from aiohttp.abc import AbstractResolver, ResolveResult

LOOPBACK: Final = "127.0.0.0/8"
_FIRST: Final = 2
_DEADLINE: Final = 15  # seconds


@dataclass(frozen=True, slots=True)
class Place:
    """Where a name lives. `host` is `name:port`, as it stands in URLs."""

    name: str
    address: str
    port: int

    @property
    def host(self) -> str:
        return f"{self.name}:{self.port}"

    @property
    def origin(self) -> str:
        return f"https://{self.host}"


class Ground:
    """See the top of this file; a context manager. `ca_file` is the authority's certificate (PEM)."""

    def __init__(self) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="clarion-demo-")
        self._authority = trustme.CA()
        self.folder = Path(self._temporary.name)
        self.ca_file = self.folder / "authority.pem"
        self.places: dict[str, Place] = {}

    def __enter__(self) -> Self:
        self._authority.cert_pem.write_to_path(str(self.ca_file))
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self._temporary.cleanup()

    @property
    def addresses(self) -> Mapping[str, str]:
        """Name -> loopback address, of every place there is."""
        return {name: place.address for name, place in self.places.items()}

    def settle(self, name: str) -> Place:
        """A place for `name`: an address of its own in 127.0.0.0/8 where the system has them, and a free port."""
        address = f"127.0.0.{_FIRST + len(self.places)}"
        try:
            with _bound(address, 0) as found:
                port: int = found.getsockname()[1]
        except OSError as problem:
            if problem.errno != errno.EADDRNOTAVAIL:  # macOS has 127.0.0.1 alone
                raise
            address = "127.0.0.1"
            with _bound(address, 0) as found:
                port = found.getsockname()[1]
        self.places[name] = Place(name, address, port)
        return self.places[name]

    def listen(self, place: Place) -> socket.socket:
        """A socket listening at a place."""
        listener = _bound(place.address, place.port)
        listener.listen(128)
        listener.setblocking(False)
        return listener

    def tls(self, name: str) -> ssl.SSLContext:
        """The TLS side of a server that is called `name`."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._authority.issue_cert(name).configure_cert(context)
        return context

    def write_certificate(self, name: str) -> tuple[Path, Path]:
        """A certificate for `name` as files: chain and private key, the key closed to others."""
        issued = self._authority.issue_cert(name)
        chain, private = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        chain.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        with os.fdopen(os.open(private, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(issued.private_key_pem.bytes())
        return chain, private

    def session(self) -> aiohttp.ClientSession:
        """A client that knows the names of this ground and believes its authority, and no others."""
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                resolver=_Directory(self.addresses),
                ssl=ssl.create_default_context(cafile=str(self.ca_file)),
                force_close=True,  # an idle connection would keep the service from stopping for seconds
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=_DEADLINE),
            trust_env=False,
        )


class _Directory(AbstractResolver):
    def __init__(self, addresses: Mapping[str, str]) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        if host not in self._addresses:
            raise OSError(errno.ENOENT, "nobody on this machine has that name")
        address = self._addresses[host]
        return [
            ResolveResult(hostname=host, host=address, port=port, family=socket.AF_INET, proto=0, flags=0),
        ]

    async def close(self) -> None:
        """Nothing is held open."""


def _bound(address: str, port: int) -> socket.socket:
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((address, port))
    except OSError:
        found.close()
        raise
    return found
