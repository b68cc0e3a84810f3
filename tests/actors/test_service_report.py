"""The delivery report: who has confirmed, who has not, and who cannot be told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from actors.service.report import NoteReport, Outcome
from fediverse.store.schema import hosts
from tests.actors.desks import Group, group

BIG, SMALL, MISSKEY = "big.example", "small.example", "misskey.example"


@pytest.fixture
async def us(database_url: str) -> AsyncIterator[Group]:
    async with group(database_url) as found:
        await found.follow(BIG, times=5)
        await found.follow(SMALL, times=4, shared=False)
        yield found


def of(report: NoteReport, host: str) -> list[tuple[str, Outcome, int]]:
    return [(each.word, each.outcome, each.inboxes) for each in report.hosts if each.host == host]


async def test_what_waits_is_told_with_its_next_attempt_and_what_arrived_as_delivered(us: Group) -> None:
    await us.open(languages=("en",))
    before = await us.report(named=True)
    assert of(before.notes[0], BIG) == [("create", Outcome.WAITING, 1)]
    assert [each.next_attempt for each in before.notes[0].hosts] == [us.now, us.now]
    assert not before.settled
    await us.deliver()
    after = await us.report(named=True)
    assert of(after.notes[0], BIG) == [("create", Outcome.DELIVERED, 1)]
    assert of(after.notes[0], SMALL) == [("create", Outcome.DELIVERED, 4)]
    assert after.counts == {Outcome.DELIVERED: 5}
    assert after.settled


async def test_a_server_with_few_followers_is_counted_and_not_named(us: Group) -> None:
    await us.open(languages=("en",))
    report = await us.report()
    assert [each.host for each in report.notes[0].hosts] == [BIG]
    assert report.notes[0].unnamed == {Outcome.WAITING: 4}
    assert report.notes[0].counts == {Outcome.WAITING: 5}
    assert SMALL not in str(report)


async def test_only_the_last_word_counts(us: Group) -> None:
    await us.open(languages=("en",))
    await us.deliver()
    us.later(minutes=1)
    await us.do("pause")
    await us.deliver()
    us.later(minutes=1)
    await us.do("close")
    appeal, closure = (await us.report(named=True)).notes
    assert of(appeal, BIG) == [("update", Outcome.WAITING, 1)]
    assert of(closure, BIG) == [("create", Outcome.WAITING, 1)]
    await us.deliver()
    assert (await us.report()).counts == {Outcome.DELIVERED: 10}


async def test_an_edit_absorbed_by_a_post_that_never_left_is_that_post(us: Group) -> None:
    await us.open(languages=("en",))
    await us.do("close")
    appeal = (await us.report(named=True)).notes[0]
    assert of(appeal, BIG) == [("create", Outcome.WAITING, 1)]
    await us.deliver()
    assert of((await us.report(named=True)).notes[0], BIG) == [("create", Outcome.DELIVERED, 1)]


async def test_hosts_that_take_no_edits_are_told_apart_as_deleted_there(us: Group) -> None:
    await us.follow(MISSKEY, times=6)
    await us.runs(MISSKEY, "misskey")
    await us.open(languages=("en",))
    await us.deliver()
    us.later(minutes=1)
    await us.do("close")
    await us.deliver()
    appeal, closure = (await us.report()).notes
    assert of(appeal, MISSKEY) == [("delete", Outcome.DELETED_THERE, 1)]
    assert of(closure, MISSKEY) == [("create", Outcome.DELIVERED, 1)]
    assert [each.software for each in appeal.hosts if each.host == MISSKEY] == ["misskey"]


async def test_a_refusal_says_why_and_a_note_that_never_left_says_so(us: Group) -> None:
    await us.open(languages=("en",))
    for lease in await us.claim():
        if lease.host == BIG:
            post = await us.begin(lease)
            assert post is not None
            await us.settle(post, "refused", status=403, reason="refused")
        await us.release(lease)
    appeal = (await us.report(named=True)).notes[0]
    refused = [each for each in appeal.hosts if each.host == BIG]
    assert [(each.outcome, each.status, each.reason, each.next_attempt) for each in refused] == [
        (Outcome.REFUSED, 403, "refused", None)
    ]
    us.later(minutes=2)
    await us.do("retract")
    # Where it was tried it may be held, refused or not; nothing was ever tried at the small host's inboxes.
    assert (await us.report(named=True)).notes[0].counts == {Outcome.WAITING: 1, Outcome.NEVER_SENT: 4}


async def test_the_next_attempt_is_never_before_what_the_host_asked_for(us: Group) -> None:
    await us.open(languages=("en",))
    later = us.now + timedelta(hours=3)
    async with us.database.write() as tx:
        await tx.execute(hosts.update().where(hosts.c.name == BIG).values(retry_after=later))
    (at_big,) = [each for each in (await us.report(named=True)).notes[0].hosts if each.host == BIG]
    assert at_big.next_attempt == later


async def test_every_note_is_there_with_its_kind_and_language(us: Group) -> None:
    await us.open()
    await us.do("goal_update")
    await us.do("close")
    report = await us.report()
    assert [(each.kind, each.language) for each in report.notes] == [
        ("appeal", "en"),
        ("appeal", "fa"),
        ("goal_update", "en"),
        ("closure", "en"),
        ("closure", "fa"),
    ]
    assert (report.slug, report.state) == ("roads", "closed")
