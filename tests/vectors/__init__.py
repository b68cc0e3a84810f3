"""The vector files beside this one; README.md says what each holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def load(name: str) -> Any:
    """The JSON document in the vector file `name`."""
    return json.loads((Path(__file__).parent / f"{name}.json").read_text(encoding="utf-8"))
