"""Requests and responses as values: what came over the wire, before anybody interprets it."""

from __future__ import annotations

from dataclasses import dataclass, replace

Headers = tuple[tuple[str, str], ...]


def _all(headers: Headers, name: str) -> tuple[str, ...]:
    return tuple(value for key, value in headers if key == name)


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request.

    `target` is the raw request target (path and query exactly as sent, never decoded); header names are lower case,
    in order, duplicates kept; `body` is the raw bytes.
    """

    method: str
    target: str
    headers: Headers
    body: bytes = b""

    def all(self, name: str) -> tuple[str, ...]:
        """Every value of the header `name` (lower case), in order."""
        return _all(self.headers, name)

    def header(self, name: str) -> str | None:
        """The first value of the header `name` (lower case), or None."""
        return next(iter(self.all(name)), None)

    def with_headers(self, *more: tuple[str, str]) -> Request:
        """The same request with header lines added at the end."""
        return replace(self, headers=self.headers + more)


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP answer of another server; header names lower case, `body` capped by whoever read it."""

    status: int
    headers: Headers
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """The first value of the header `name` (lower case), or None."""
        return next(iter(_all(self.headers, name)), None)
