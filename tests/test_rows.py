"""Every row of what has to be survived has a test of its own, named after it: `test_g12_…`, or `test_a3_a4_…` for two.

A row is a fault or a bad input of such systems: A for signatures, B for origins, C for parsing, D for what we connect
to, E for exhaustion, F for storage, G for deliveries, H for the admin endpoint, J for privacy, K for operations. Those
that need what is not built yet come with it.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path

import pytest

TESTS = Path(__file__).parent

TABLE = """
    a1 a2 a3 a4 a5 a6 a8 a9 a11
    b1 b2 b3 b4 b5 b6 b7 b9 b10
    c1 c2 c3 c4 c5 c6 c7 c8
    d1 d2 d3 d4 d5 d7 d9
    e1 e5
    f1 f5 f6
    g1 g2 g3 g4 g5 g7 g8 g9 g12 g13 g14
    h1 h5 h6 h7 h9 h12
    j1 j2 j3 j4 j5 j7 j8
    k1 k2 k3
"""
ROWS = TABLE.split()

_NAME = re.compile(r"test_((?:[a-k]\d{1,2}_)(?:to_)?(?:[a-k]\d{1,2}_)*)")


def named(test: str) -> list[str]:
    """The rows at the start of a test's name; `a1_to_a6` is every row from the first to the last."""
    found = _NAME.match(test)
    if found is None:
        return []
    words = found[1].strip("_").split("_")
    if "to" not in words:
        return words
    first, _, last = words
    return [f"{first[0]}{number}" for number in range(int(first[1:]), int(last[1:]) + 1)]


def found_by_row() -> dict[str, list[str]]:
    """Every test that names a row, as `file::function`."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for path in sorted(TESTS.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                for row in named(node.name):
                    found[row].append(f"{path.relative_to(TESTS)}::{node.name}")
    return found


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("test_g12_a_closed_appeal", ["g12"]),
        ("test_c2_c3_no_body", ["c2", "c3"]),
        ("test_a1_to_a6_a_request", ["a1", "a2", "a3", "a4", "a5", "a6"]),
        ("test_a_closed_appeal", []),
        ("test_every_g12", []),
    ],
)
def test_a_name_tells_its_rows(name: str, rows: list[str]) -> None:
    assert named(name) == rows


def test_every_row_has_a_test_named_after_it() -> None:
    there = found_by_row()
    assert [row for row in ROWS if row not in there] == []
