"""The default picture of an actor: a speaking trumpet, drawn here and kept as `actors/static/actor.png`.

    python -m actors.pages.picture > actors/static/actor.png      (a test compares the two, point by point)

A PNG and no SVG, because Mastodon takes none as a profile picture (mastodon-compat §2.2). Sixteen mixtures of two
colours are enough for smooth edges and make a small file.
"""

from __future__ import annotations

import math
import struct
import sys
import zlib
from collections.abc import Callable, Iterable, Sequence
from typing import Final

SIZE: Final = 400  # points; what Mastodon scales profile pictures to
LEVELS: Final = 16
GROUND: Final = (0x14, 0x3D, 0x59)
INK: Final = (0xF6, 0xD6, 0x8B)

Point = tuple[float, float]
Shape = Callable[[float, float], float]
"""How far a point lies outside a shape; below 0 inside."""


def draw(lines: Iterable[int] = range(SIZE)) -> list[bytes]:
    """The rows of the picture, or some of them: a level from 0 (ground) to 15 (ink) for each point."""
    shapes = _trumpet()
    rows = []
    for y in lines:
        distances = (min(shape(x + 0.5, y + 0.5) for shape in shapes) for x in range(SIZE))
        rows.append(bytes(round(min(max(0.5 - distance, 0.0), 1.0) * (LEVELS - 1)) for distance in distances))
    return rows


def png(rows: Sequence[bytes]) -> bytes:
    """Those rows as a PNG with a palette, four bits a point (RFC 2083)."""
    header = struct.pack(">IIBBBBB", SIZE, SIZE, 4, 3, 0, 0, 0)
    palette = bytes(
        round(ground + (ink - ground) * level / (LEVELS - 1))
        for level in range(LEVELS)
        for ground, ink in zip(GROUND, INK, strict=True)
    )
    packed = b"".join(
        b"\0" + bytes(left << 4 | right for left, right in zip(row[::2], row[1::2], strict=True)) for row in rows
    )
    chunks = [(b"IHDR", header), (b"PLTE", palette), (b"IDAT", zlib.compress(packed, 9)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _trumpet() -> list[Shape]:
    """Mouthpiece and bell to the right, a grip below, and two waves of what it says."""
    return [
        _polygon([(96, 176), (150, 176), (150, 236), (96, 236)]),
        _polygon([(158, 172), (262, 112), (262, 300), (158, 240)]),
        _polygon([(112, 246), (148, 246), (160, 304), (124, 304)]),
        _arc((262, 206), 48, 14),
        _arc((262, 206), 84, 14),
    ]


def _polygon(corners: Sequence[Point]) -> Shape:
    """A convex polygon, corners clockwise, rounded by a few points."""
    sides = []
    for (x1, y1), (x2, y2) in zip(corners, [*corners[1:], corners[0]], strict=True):
        length = math.hypot(x2 - x1, y2 - y1)
        sides.append(((y2 - y1) / length, (x1 - x2) / length, x1, y1))
    return lambda x, y: max(a * (x - x1) + b * (y - y1) for a, b, x1, y1 in sides)


def _arc(centre: Point, radius: float, width: float) -> Shape:
    """A part of a circle, open to the left."""

    def distance(x: float, y: float) -> float:
        dx, dy = x - centre[0], y - centre[1]
        ring = abs(math.hypot(dx, dy) - radius) - width / 2
        return max(ring, abs(dy) - dx * 0.9)

    return distance


if __name__ == "__main__":
    sys.stdout.buffer.write(png(draw()))
