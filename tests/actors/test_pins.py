from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from actors import campaign as life
from actors.model import Campaign, CloseReason, Kind
from actors.pins import MAX_PINS, Pin, Unpin, pin_changes, pins
from tests.actors.campaigns import NOW, counter, opened


def running(prefix: str, at: datetime, *languages: str) -> Campaign:
    return replace(opened(*languages, prefix=prefix), opened=at)


def ended(prefix: str, at: datetime, *languages: str) -> Campaign:
    return life.close(opened(*languages, prefix=prefix), CloseReason.BY_HAND, at, counter(f"{prefix}e"))[0]


def notes(campaign: Campaign, kind: Kind) -> list[str]:
    return [note.id for said in campaign.of(kind) for note in said.standing]


def test_closure_notes_come_first_then_main_languages_then_the_others() -> None:
    older = running("a", NOW - timedelta(days=5), "en", "fa")
    newer = running("b", NOW - timedelta(days=1), "fa", "en")
    over = ended("c", NOW - timedelta(days=2), "en")
    safety = notes(over, Kind.CLOSURE)
    first, second = notes(newer, Kind.APPEAL), notes(older, Kind.APPEAL)
    assert pins([older, newer, over], NOW) == (safety[0], first[0], second[0], first[1], second[1])


def test_an_actor_pins_five_notes_at_most_and_the_safety_notes_win() -> None:
    over = [ended(prefix, NOW - timedelta(days=day), "en", "fa") for day, prefix in enumerate("abc")]
    found = pins([running("d", NOW, "en"), *over], NOW)
    assert len(found) == MAX_PINS
    assert set(found) <= {note for each in over for note in notes(each, Kind.CLOSURE)}
    # Each closing is said in its main language before any is said in a second one.
    assert found[:3] == tuple(notes(each, Kind.CLOSURE)[0] for each in over)


def test_a_closure_note_gives_up_its_place_after_thirty_days() -> None:
    over = ended("a", NOW, "en")
    assert pins([over], NOW + timedelta(days=29, hours=23)) == tuple(notes(over, Kind.CLOSURE))
    assert pins([over], NOW + timedelta(days=30)) == ()


def test_an_appeal_past_its_expiry_is_not_pinned_even_before_it_is_closed() -> None:
    campaign = running("a", NOW, "en")
    assert pins([campaign], campaign.expires - timedelta(seconds=1))
    assert pins([campaign], campaign.expires) == ()


def test_a_withdrawn_note_gives_its_place_to_the_next_language() -> None:
    campaign = running("a", NOW, "en", "fa")
    english, persian = notes(campaign, Kind.APPEAL)
    after = life.withdraw(campaign, english, NOW)[0]
    assert pins([after], NOW) == (persian,)


def test_closing_puts_the_closure_note_in_the_place_of_the_appeal() -> None:
    before = running("a", NOW, "en")
    after = life.close(before, CloseReason.BY_HAND, NOW, counter("b"))[0]
    changes = pin_changes(pins([before], NOW), [after], NOW)
    assert changes == (Unpin(notes(before, Kind.APPEAL)[0]), Pin(notes(after, Kind.CLOSURE)[0], 0))


def test_pins_that_are_right_already_need_no_change() -> None:
    campaign = running("a", NOW, "en", "fa")
    assert pin_changes(pins([campaign], NOW), [campaign], NOW) == ()


@given(pinned=st.lists(st.sampled_from([f"{n:032x}" for n in range(8)]), unique=True, max_size=5))
def test_the_changes_lead_from_any_list_to_the_right_one(pinned: list[str]) -> None:
    campaigns = [running("", NOW, "en", "fa", "de")]
    held = list(pinned)
    for change in pin_changes(pinned, campaigns, NOW):
        if change.note_id in held:
            held.remove(change.note_id)
        if isinstance(change, Pin):
            held.insert(change.position, change.note_id)
    assert tuple(held) == pins(campaigns, NOW)
