"""JSON as two servers must agree on it: what one reader might take differently from another is not read at all.

Python's own reader keeps the last of two equal keys, knows NaN, makes lone surrogates and runs out of stack; each of
these has let somebody say one thing to the checker and another to the reader (must-survive §4.1, rows C1 and C2).
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn, TypeAlias

import rfc8785

from fediverse.protocol.errors import Malformed, TooLarge

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

MAX_BYTES = 1 << 20  # Mastodon's inbox limit (mastodon-compat §1.1)
MAX_DEPTH = 32
MAX_CONTAINERS = 20_000  # lists and objects in one document; half a million empty lists fit into 1 MiB and cost 0.2 s
MAX_NUMBER = 128  # characters of one number; the longest exact double below 1 has fewer that matter

_OPENING, _CLOSING = b"[{", b"]}"
_BRACKETS = bytes(ord("[") if byte in _OPENING else ord("]") for byte in range(256))
_NOT_BRACKETS = bytes(byte for byte in range(256) if byte not in _OPENING + _CLOSING)

# Only an escape can bring these in: raw ones are refused by the UTF-8 decoder and by the JSON reader.
_SUSPECT_ESCAPE = re.compile(rb"\\u(?:[dD][89abcdefABCDEF]|0000)")
_UNSOUND = re.compile("[\x00\ud800-\udfff]")


def loads(data: bytes, *, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH) -> Json:
    """Read one JSON document from UTF-8 bytes.

    `max_depth` counts lists and objects inside each other. The cost is linear in the input and refusals for depth come
    before any parsing. Raises TooLarge over `max_bytes`, and Malformed for everything else that is not plain JSON:
    other encodings, a byte order mark, duplicate keys, NaN and infinities (1e999 too), NUL characters and lone
    surrogates also when escaped, numbers of more than 128 characters, bytes after the document.
    """
    if len(data) > max_bytes:
        raise TooLarge
    if not data:
        raise Malformed("The body is empty")
    _check_shape(data, max_depth)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed("The body is not UTF-8") from None
    try:
        value: Json = _DECODER.decode(text)
    except ValueError:
        raise Malformed("The body is not JSON") from None
    if _SUSPECT_ESCAPE.search(data):
        _check_text(value)
    return value


def loads_object(data: bytes, *, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH) -> dict[str, Json]:
    """Read one JSON object; as `loads`, and Malformed when the document is anything but an object."""
    value = loads(data, max_bytes=max_bytes, max_depth=max_depth)
    if not isinstance(value, dict):
        raise Malformed("The body is not a JSON object")
    return value


def dumps(value: Json) -> bytes:
    """Write JSON compactly as UTF-8, keys in the order they were put in, so that equal values give equal bytes.

    Raises Malformed for what `loads` would not take back: NaN, infinities, lone surrogates, NUL, endless nesting.
    """
    try:
        _check_text(value)
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except (ValueError, RecursionError):
        raise Malformed("The value cannot be written as JSON") from None


def canonical(value: Json) -> bytes:
    """The canonical form of RFC 8785. Raises Malformed for numbers and text that have none (§3.2.2)."""
    try:
        return rfc8785.dumps(value)
    except (ValueError, RecursionError):
        raise Malformed("The value has no canonical form") from None


def _check_shape(data: bytes, max_depth: int) -> None:
    """Refuse nesting and numbers of lists and objects beyond the caps, in one pass and without recursion.

    What stands between quotes is cut out first. Where the input is not JSON this may see other strings than the parser
    does, but only behind the byte at which the parser gives up.
    """
    if b"\\" in data:
        data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    if b'"' in data:
        data = b"".join(data.split(b'"')[::2])
    brackets = data.translate(_BRACKETS, _NOT_BRACKETS)
    depth = 0
    for bracket in brackets[: 2 * MAX_CONTAINERS]:
        if bracket == _OPENING[0]:
            depth += 1
            if depth > max_depth:
                raise Malformed("The body is nested too deeply")
        else:
            depth -= 1
    if len(brackets) > 2 * MAX_CONTAINERS:
        raise Malformed("The body has too many lists and objects")


def _check_text(value: Json) -> None:
    if isinstance(value, str):
        if _UNSOUND.search(value):
            raise Malformed("The body holds characters that are no text")
    elif isinstance(value, dict):
        for key, inner in value.items():
            _check_text(key)
            _check_text(inner)
    elif isinstance(value, list):
        for inner in value:
            _check_text(inner)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Malformed("A key stands twice in one object")
    return members


def _integer(text: str) -> int:
    if len(text) > MAX_NUMBER:
        raise Malformed("A number is too long")
    return int(text)


def _float(text: str) -> float:
    if len(text) > MAX_NUMBER:
        raise Malformed("A number is too long")
    number = float(text)
    if math.isinf(number):
        raise Malformed("A number is out of range")
    return number


def _constant(name: str) -> NoReturn:
    raise Malformed(f"{name} is not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_int=_integer, parse_float=_float, parse_constant=_constant)
