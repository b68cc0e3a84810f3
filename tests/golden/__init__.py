"""Comparing what we publish with the files beside this one; README.md says how they are renewed."""

from __future__ import annotations

import json
import os
from pathlib import Path

from fediverse.protocol.strict_json import Json

_FOLDER = Path(__file__).parent
_WRITE = os.environ.get("CLARION_WRITE_GOLDEN") == "1"


def check(name: str, published: dict[str, Json] | str) -> None:
    """Assert that a published document is, to the byte, the golden file `name`."""
    text = published if isinstance(published, str) else _indented(published)
    path = _FOLDER / name
    if _WRITE:
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def _indented(document: dict[str, Json]) -> str:
    return json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False) + "\n"
