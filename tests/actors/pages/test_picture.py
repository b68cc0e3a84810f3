"""The default picture: what is kept is what is drawn."""

from __future__ import annotations

import struct
import zlib
from importlib import resources

from actors.pages.picture import GROUND, INK, LEVELS, SIZE, draw, png

KEPT = resources.files("actors").joinpath("static", "actor.png")
EVERY = 16


def _read(data: bytes) -> tuple[list[bytes], bytes]:
    """The rows of a four-bit PNG, two points a byte, and its palette."""
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    chunks, at = {}, 8
    while at < len(data):
        length, name = struct.unpack(">I4s", data[at : at + 8])
        body = data[at + 8 : at + 8 + length]
        assert struct.unpack(">I", data[at + 8 + length : at + 12 + length]) == (zlib.crc32(name + body),)
        chunks[name] = body
        at += 12 + length
    assert chunks[b"IHDR"] == struct.pack(">IIBBBBB", SIZE, SIZE, 4, 3, 0, 0, 0)
    raw, width = zlib.decompress(chunks[b"IDAT"]), 1 + SIZE // 2
    rows = [raw[start : start + width] for start in range(0, len(raw), width)]
    assert all(row[0] == 0 for row in rows)
    return [row[1:] for row in rows], chunks[b"PLTE"]


def test_the_picture_that_is_kept_is_the_one_that_is_drawn() -> None:
    rows, palette = _read(KEPT.read_bytes())
    assert len(rows) == SIZE
    assert (tuple(palette[:3]), tuple(palette[-3:]), len(palette)) == (GROUND, INK, 3 * LEVELS)
    lines = range(0, SIZE, EVERY)
    for line, drawn in zip(lines, draw(lines), strict=True):
        assert rows[line] == bytes(left << 4 | right for left, right in zip(drawn[::2], drawn[1::2], strict=True))


def test_the_picture_is_small_enough_to_be_fetched_by_every_server() -> None:
    assert len(KEPT.read_bytes()) <= 20_000


def test_a_drawn_picture_reads_back() -> None:
    flat = [bytes([line % LEVELS]) * SIZE for line in range(SIZE)]
    rows, _ = _read(png(flat))
    assert rows[3] == b"\x33" * (SIZE // 2)
