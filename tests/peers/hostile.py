"""Servers that want to hurt their clients: raw TLS on loopback, one behaviour each.

    async with Hostile(authority, names, "bad.test", endless_body) as bad:
        await client.get(f"{bad.origin}/", ...)
        bad.heads            # the request heads it read
        bad.sent             # bytes it got rid of before the client hung up

A behaviour is a coroutine function that is given the server, the request head, a reader and a writer, and is run once
for each request until it closes the writer.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import zlib
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Self, TypeAlias

from tests.peers.authority import Authority
from tests.peers.names import Names

Behaviour: TypeAlias = Callable[["Hostile", bytes, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Hostile:
    """One raw server; `tls` replaces its honest TLS context, `plain` speaks no TLS at all."""

    def __init__(
        self,
        authority: Authority,
        names: Names,
        name: str,
        behaviour: Behaviour,
        *,
        tls: ssl.SSLContext | None = None,
        plain: bool = False,
    ) -> None:
        self.name = name
        self.heads: list[bytes] = []
        self.sent = 0
        self.connections = 0
        self._behaviour = behaviour
        self._tls = None if plain else tls or authority.server_context(name)
        self._socket = names.listen(name)
        self.origin = f"https://{name}:{self._socket.getsockname()[1]}"
        self._server: asyncio.Server | None = None
        self._serving: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, sock=self._socket, ssl=self._tls)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
        for writer in self._serving.values():
            writer.transport.abort()
        if self._serving:
            await asyncio.wait(self._serving)

    async def send(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        """Write and wait until it has left; ConnectionError once the client has hung up."""
        writer.write(data)
        await writer.drain()
        self.sent += len(data)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving[task] = writer
        self.connections += 1
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
                while not writer.is_closing():
                    head = await reader.readuntil(b"\r\n\r\n")
                    self.heads.append(head)
                    await self._behaviour(self, head, reader, writer)
        finally:
            del self._serving[task]
            writer.transport.abort()


async def gzip_bomb(server: Hostile, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """200 MiB of zeros in 200 kB, to a client that did not ask for gzip."""
    packed = _packed_zeros()
    await server.send(
        writer,
        b"HTTP/1.1 200 OK\r\nContent-Type: application/activity+json\r\nContent-Encoding: gzip\r\n"
        b"Content-Length: %d\r\n\r\n" % len(packed) + packed,
    )


async def endless_body(
    server: Hostile, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Chunks without end, as fast as they are taken."""
    await server.send(
        writer,
        b"HTTP/1.1 200 OK\r\nContent-Type: application/activity+json\r\nTransfer-Encoding: chunked\r\n\r\n",
    )
    while True:
        await server.send(writer, b"4000\r\n" + bytes(0x4000) + b"\r\n")


async def thousand_headers(
    server: Hostile, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """A short answer under 1,000 header lines."""
    lines = b"".join(b"X-Line-%d: x\r\n" % number for number in range(1000))
    await server.send(writer, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + lines + b"\r\n{}")


async def slow_drip(server: Hostile, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A body that arrives a byte at a time: each read is quick, the whole never ends."""
    await server.send(
        writer, b"HTTP/1.1 200 OK\r\nContent-Type: application/activity+json\r\nContent-Length: 1000000\r\n\r\n"
    )
    while True:
        await server.send(writer, b" ")
        await asyncio.sleep(0.02)


async def reset_before_body(
    server: Hostile, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Hang up as soon as the head is read."""
    writer.transport.abort()


async def reset_after_body(
    server: Hostile, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Read the whole request, then hang up."""
    await reader.readexactly(_content_length(head))
    writer.transport.abort()


async def cut_answer(server: Hostile, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read the whole request, begin an answer, hang up in its middle."""
    await reader.readexactly(_content_length(head))
    await server.send(writer, b"HTTP/1.1 202 Accepted\r\nContent-Length: 100\r\n\r\nhalf")
    writer.close()


async def no_http(server: Hostile, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer in some other protocol."""
    await server.send(writer, b"220 mail.test ESMTP\r\n")
    writer.close()


async def silence(server: Hostile, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read and never answer."""
    await reader.read()


async def redirect_onwards(
    server: Hostile, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Redirect for ever, to a new path each time."""
    location = f"{server.origin}/{len(server.heads)}".encode()
    await server.send(writer, b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + location + b"\r\n\r\n")


@cache
def _packed_zeros() -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(200)) + packer.flush()


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0
