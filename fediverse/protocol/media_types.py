"""The two names of ActivityStreams documents, in `Content-Type` and in `Accept`.

`application/activity+json`, and `application/ld+json` with the ActivityStreams profile (ActivityPub §3.2, §7).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from fediverse.protocol.contexts import ACTIVITYSTREAMS

_PIECE = re.compile(r'"[^"]*"|[^",;]+|[,;]')
_JSON = frozenset({"application/activity+json", "application/ld+json", "application/json"})
_HTML = frozenset({"text/html", "application/xhtml+xml"})


def is_activity(content_type: str) -> bool:
    """Whether a `Content-Type` is one of the two; parameters such as charset do not matter, case neither."""
    ranges = list(_ranges(content_type))
    if len(ranges) != 1:
        return False
    name, parameters = ranges[0]
    if name == "application/ld+json":
        return ACTIVITYSTREAMS in parameters.get("profile", "").split()
    return name == "application/activity+json"


def wants_activity(accept: str) -> bool:
    """Whether whoever sent this `Accept` would rather have JSON than a page (RFC 9110 §12.5.1).

    Wildcards ask for a page: browsers and `curl` send them, ActivityPub software names its types.
    """
    json, page = 0.0, 0.0
    for name, parameters in _ranges(accept):
        if name in _JSON:
            json = max(json, _weight(parameters))
        elif name in _HTML:
            page = max(page, _weight(parameters))
    return json > 0 and json >= page


def _ranges(value: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Media types with their parameters, names in lower case, quotes taken off, the first of equal names."""
    parts = [""]
    for piece in [*_PIECE.findall(value), ","]:
        if piece == ",":
            if parts[0].strip():
                yield parts[0].strip().lower(), _parameters(parts[1:])
            parts = [""]
        elif piece == ";":
            parts.append("")
        else:
            parts[-1] += piece
    return


def _parameters(parts: list[str]) -> dict[str, str]:
    named: dict[str, str] = {}
    for part in parts:
        name, _, value = part.partition("=")
        named.setdefault(name.strip().lower(), value.strip().strip('"'))
    return named


def _weight(parameters: dict[str, str]) -> float:
    try:
        return min(max(float(parameters.get("q", "1")), 0.0), 1.0)
    except ValueError:
        return 0.0
