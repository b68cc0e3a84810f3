"""Thousands of strange activities, correctly signed by somebody we know: none is an error of ours, none makes us ask.

The signature is right, so each body gets past the cryptography and is read, field by field, by what acts on it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fediverse.service import Service
from tests.fediverse.steps import Door, follow
from tests.peers import signing
from tests.peers.recording import Actor, Peer

BODIES_AT_ONCE = 20
ROUNDS = 100  # 2,000 bodies

KINDS = (
    *("Follow", "Undo", "Accept", "Reject", "Delete", "Update", "Move", "Like", "Announce", "Create", "Flag", "Block"),
    *("Add", "Remove", "QuoteRequest", "EmojiReact", "Block!", "Question"),
)
FIELDS = ("id", "object", "target", "to", "cc", "bto", "tag", "attachment", "content", "@context", "url")

strange = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(
        ["", " ", "https://", "https://[::1]/", "javascript:alert(1)", "acct:a@b", "https://peer1.test/"]
    ),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(("id", "type", "actor", "object")), inner, max_size=4)
    ),
    max_leaves=8,
)
long = st.sampled_from([["https://a.test/x"] * 101, [{"type": "Mention"}] * 40, "x" * 3000, {"id": "y" * 3000}])

# `ME`, `FUND` and `FOLLOW` are put in once the servers run: who signs, whom they follow, by which Follow.
reference = st.sampled_from(["ME", "FUND", "FOLLOW", "ME/notes/1", "ME#delete", "FUND/followers", "https://a.test/b"])
value = reference | strange | long
embedded = st.fixed_dictionaries(
    {"type": st.sampled_from(KINDS) | strange}, optional=dict.fromkeys(("actor", *FIELDS), value)
)
proper = st.fixed_dictionaries(
    {"type": st.sampled_from(KINDS), "actor": st.just("ME"), "object": reference}, optional={"id": reference}
)
activity = st.fixed_dictionaries(
    {
        "id": st.integers(0, 10**9).map(lambda number: f"ME/activities/{number}"),
        "type": st.sampled_from(KINDS),
        "actor": st.just("ME"),
        "object": reference | proper,
    },
    optional={"target": reference, "content": strange, "@context": strange, "published": strange, "to": reference},
)
one_thing_wrong = st.builds(
    lambda said, field, wrong: {**said, field: wrong},
    activity,
    st.sampled_from(("type", "actor", *FIELDS)),
    embedded | value,
)
anything = st.fixed_dictionaries({"type": value, "actor": value}, optional=dict.fromkeys(FIELDS, value))
bodies_at_once = st.lists(activity | one_thing_wrong | anything, min_size=BODIES_AT_ONCE, max_size=BODIES_AT_ONCE)


def placed(template: Any, places: dict[str, str]) -> Any:
    """The template with real ids where it names their places."""
    if isinstance(template, dict):
        return {key: placed(inner, places) for key, inner in template.items()}
    if isinstance(template, list):
        return [placed(inner, places) for inner in template]
    if isinstance(template, str):
        for name, url in places.items():
            if template.startswith(name):
                return url + template.removeprefix(name)
    return template


async def deliver(service: Service, actor: Actor, body: bytes) -> int:
    headers = signing.sign(
        actor.private, actor.key_id, method="POST", url=service.inbox, body=body, now=service.clock()
    )
    return (await actor.peer.send("POST", service.inbox, headers, body)).status


def test_c2_c3_no_body_is_an_error_of_ours_and_none_makes_us_ask_anybody(sqlite_url: str, door: Door) -> None:
    seen: Counter[int] = Counter()

    async def begin(stack: contextlib.AsyncExitStack) -> tuple[Service, Peer, Actor, str]:
        service, peer = await stack.enter_async_context(door(sqlite_url))
        alice = peer.actor("alice")
        return service, peer, alice, (await follow(service, alice))["id"]

    with asyncio.Runner() as runner:
        stack = contextlib.AsyncExitStack()
        service, peer, alice, asked = runner.run(begin(stack))
        places = {"ME": alice.id, "FUND": service.fund, "FOLLOW": asked}
        fetches = len(peer.fetches)

        async def deliver_all(bodies: list[bytes]) -> list[int]:
            return await asyncio.gather(*(deliver(service, alice, body) for body in bodies))

        @settings(
            max_examples=ROUNDS,
            deadline=None,
            database=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
        )
        @given(bodies_at_once)
        def strange_activities(templates: list[Any]) -> None:
            bodies = [json.dumps(placed(template, places)).encode() for template in templates]
            statuses = runner.run(deliver_all(bodies))
            assert set(statuses) <= {202, 400, 401, 404}, [*zip(statuses, bodies, strict=True)]
            assert len(peer.fetches) == fetches
            seen.update(statuses)

        try:
            strange_activities()
        finally:
            runner.run(stack.aclose())
    assert seen.total() >= BODIES_AT_ONCE * ROUNDS
    assert min(seen[202], seen[400]) > 300, f"the bodies are too much alike: {seen}"
    assert seen[401] > 20, f"the bodies are too much alike: {seen}"
