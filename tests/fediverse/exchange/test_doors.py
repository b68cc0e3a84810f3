"""The order of the checks: of two things wrong with a request, the one judged first is the one that is named."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fediverse.exchange.doors import Knock, examine
from fediverse.protocol import vocabulary
from fediverse.protocol.errors import FederationError, Malformed, Reason, Unauthenticated, UnsupportedMedia
from fediverse.protocol.messages import Request
from fediverse.protocol.signatures import DEFAULT
from tests.fediverse.stores import ALICE, FUND, NOW, ORIGIN, key_of
from tests.peers import signing

FOLLOW = {"id": f"{ALICE}#follows/1", "type": "Follow", "actor": ALICE, "object": FUND}


def request(document: Any = FOLLOW, key_id: str = f"{ALICE}#main-key", **changed: str | None) -> Request:
    """A signed POST; `changed` replaces headers by their lower-case names with `_` for `-`, None leaves one out."""
    body = json.dumps(document).encode()
    signed = signing.sign(key_of(ALICE).private, key_id, method="POST", url=f"{ORIGIN}/inbox", body=body, now=NOW)
    headers = {name.lower(): value for name, value in signed.items()}
    for name, value in changed.items():
        if value is None:
            del headers[name.replace("_", "-")]
        else:
            headers[name.replace("_", "-")] = value
    return Request("POST", "/inbox", tuple(headers.items()), body)


def look_at(asked: Request) -> Knock:
    return examine(asked, origin=ORIGIN, now=NOW, window=DEFAULT)


def test_a_good_request_is_read_and_nobody_was_asked() -> None:
    knock = look_at(request())
    assert knock.activity == vocabulary.Follow(FOLLOW["id"], ALICE, FUND)
    assert knock.presented.key_id == f"{ALICE}#main-key"


OLD = "Sun, 22 Nov 2026 09:00:00 GMT"
LIST: list[object] = []
OTHER = "https://evil.example/users/mallory#main-key"


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (request(LIST, signature=None, content_type="text/html"), UnsupportedMedia),
        (request(LIST, signature=None, content_encoding="gzip"), UnsupportedMedia),
        (request(LIST, signature=None), Reason.UNSIGNED),
        (request(LIST, date=OLD), Malformed),
        (request({**FOLLOW, "actor": [ALICE]}, date=OLD), Malformed),
        (request({**FOLLOW, "id": "https://evil.example/1"}, date=OLD), Reason.NOT_YOURS),
        (request(digest=None, date=OLD), Reason.COVERAGE),
        (request(digest="SHA-256=AAAA", date=OLD), Reason.WINDOW),
        (request(digest="SHA-256=AAAA", key_id=OTHER), Reason.DIGEST),
        (request(key_id=OTHER), Reason.KEY_ORIGIN),
        (request(key_id="https://peer.example@127.0.0.1:8080/users/alice#main-key"), Reason.KEY_ID),
        (request(key_id="http://peer.example/users/alice#main-key"), Reason.KEY_ID),
        (request(key_id="acct:alice@peer.example"), Reason.KEY_ID),
        (request({**FOLLOW, "id": f"{FUND}/1", "actor": FUND}, key_id=f"{FUND}#main-key"), Reason.KEY_ORIGIN),
    ],
)
def test_of_two_faults_the_first_in_the_order_is_named(
    asked: Request, expected: Reason | type[FederationError]
) -> None:
    with pytest.raises(FederationError) as refused:
        look_at(asked)
    if isinstance(expected, Reason):
        assert isinstance(refused.value, Unauthenticated)
        assert refused.value.reason is expected
    else:
        assert type(refused.value) is expected
