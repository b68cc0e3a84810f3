from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import product

import pytest

from actors import campaign as life
from actors.model import (
    AppealText,
    Campaign,
    Change,
    ChangePins,
    ChangeProfile,
    ClosedText,
    CloseReason,
    EditNote,
    EraseNote,
    Form,
    Kind,
    Move,
    Moved,
    SayNote,
    Standing,
    State,
)
from actors.money import Money
from actors.refusals import MoveRefused, Refused
from tests.actors.campaigns import DESTINATION, NOW, OFFER, counter, draft, opened

LISTED = (DESTINATION, OFFER)
LATER = NOW + timedelta(days=3)


def says(changes: tuple[Change, ...]) -> list[SayNote]:
    return [change for change in changes if isinstance(change, SayNote)]


def edits(changes: tuple[Change, ...]) -> list[EditNote]:
    return [change for change in changes if isinstance(change, EditNote)]


def in_state(state: State) -> Campaign:
    campaign = opened()
    match state:
        case State.DRAFT:
            return draft()
        case State.OPEN:
            return campaign
        case State.PAUSED:
            return life.pause(campaign, NOW)[0]
        case State.CLOSED:
            return life.close(campaign, CloseReason.BY_HAND, NOW, counter("c"))[0]
        case State.RETRACTED:
            return life.retract(campaign, NOW)[0]


ACTS: dict[Move, Callable[[Campaign], Moved]] = {
    Move.OPEN: lambda campaign: life.open(campaign, LISTED, LATER, counter("a")),
    Move.GOAL_UPDATE: lambda campaign: life.goal_update(campaign, LATER, counter("a")),
    Move.PAUSE: lambda campaign: life.pause(campaign, LATER),
    Move.RESUME: lambda campaign: life.resume(campaign, LISTED, LATER),
    Move.CLOSE: lambda campaign: life.close(campaign, CloseReason.GOAL_MET, LATER, counter("a")),
    Move.EXPIRE: lambda campaign: life.expire(campaign, campaign.expires, counter("a")),
    Move.WITHDRAW: lambda campaign: life.withdraw(campaign, campaign.announcements[0].notes[0].id, LATER),
    Move.RETRACT: lambda campaign: life.retract(campaign, LATER),
}

# The table of product.md, written down a second time.
POSSIBLE = {
    (Move.OPEN, State.DRAFT): State.OPEN,
    (Move.GOAL_UPDATE, State.OPEN): State.OPEN,
    (Move.PAUSE, State.OPEN): State.PAUSED,
    (Move.RESUME, State.PAUSED): State.OPEN,
    (Move.CLOSE, State.OPEN): State.CLOSED,
    (Move.CLOSE, State.PAUSED): State.CLOSED,
    (Move.CLOSE, State.CLOSED): State.CLOSED,
    (Move.EXPIRE, State.OPEN): State.CLOSED,
    (Move.EXPIRE, State.PAUSED): State.CLOSED,
    (Move.WITHDRAW, State.OPEN): State.OPEN,
    (Move.WITHDRAW, State.PAUSED): State.PAUSED,
    (Move.WITHDRAW, State.CLOSED): State.CLOSED,
    (Move.RETRACT, State.OPEN): State.RETRACTED,
    (Move.RETRACT, State.PAUSED): State.RETRACTED,
    (Move.RETRACT, State.CLOSED): State.RETRACTED,
}


@pytest.mark.parametrize(("move", "state"), list(product(Move, State)))
def test_each_act_is_possible_in_exactly_the_states_of_the_table(move: Move, state: State) -> None:
    campaign = in_state(state)
    if (move, state) in POSSIBLE:
        assert ACTS[move](campaign)[0].state is POSSIBLE[move, state]
        return
    if move is Move.WITHDRAW and not campaign.announcements:
        campaign = replace(campaign, announcements=opened().announcements)
    with pytest.raises(MoveRefused) as refusal:
        ACTS[move](campaign)
    assert (refusal.value.move, refusal.value.state) == (move, state)


def test_opening_says_one_note_per_language_then_pins_and_profile() -> None:
    after, changes = life.open(draft("en", "fa"), LISTED, NOW, counter())
    assert [(say.kind, say.language, say.reply_to, say.unlisted, say.form) for say in says(changes)] == [
        (Kind.APPEAL, "en", None, False, Form.OPEN),
        (Kind.APPEAL, "fa", None, False, Form.OPEN),
    ]
    assert changes[2:] == (ChangePins(), ChangeProfile())
    assert after.opened == NOW
    assert [note.id for note in after.announcements[0].notes] == [say.note_id for say in says(changes)]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda c: replace(c, expires=NOW), "expires"),
        (lambda c: replace(c, expires=NOW - timedelta(days=1)), "expires"),
        (lambda c: replace(c, expires=NOW + timedelta(days=181)), "expires"),
        (lambda c: replace(c, closings=c.closings[:1]), "languages.fa.closed"),
        (lambda c: replace(c, texts=c.texts[1:]), "languages.en"),
        (lambda c: replace(c, languages=()), "languages"),
        (lambda c: replace(c, languages=("en", "fa", "de", "ar")), "languages"),
        (lambda c: replace(c, destinations=()), "destinations"),
        (lambda c: replace(c, goal=Money(Decimal(0), "EUR")), "goal_amount"),
    ],
)
def test_a_campaign_without_an_end_a_destination_or_its_closing_texts_does_not_open(
    change: Callable[[Campaign], Campaign], field: str
) -> None:
    campaign = change(draft())
    if campaign.goal.amount == 0:
        campaign = replace(campaign, destinations=())
    with pytest.raises(Refused) as refusal:
        life.open(campaign, LISTED, NOW, counter())
    assert field in [problem.field for problem in refusal.value.problems]


@pytest.mark.parametrize("standing", [Standing.PROPOSED, Standing.SUSPENDED, Standing.REMOVED])
def test_h4_a_campaign_whose_destination_is_not_active_on_the_list_neither_opens_nor_resumes(
    standing: Standing,
) -> None:
    listed = (replace(DESTINATION, state=standing),)
    with pytest.raises(Refused, match="destinations"):
        life.open(draft(), listed, NOW, counter())
    with pytest.raises(Refused, match="destinations"):
        life.resume(in_state(State.PAUSED), listed, LATER)


def test_a_goal_update_answers_the_appeal_in_the_first_language_only_and_unlisted() -> None:
    campaign = opened("fa", "en", raised="2600")
    after, changes = life.goal_update(campaign, LATER, counter("a"))
    appeal = campaign.appeal_note("fa")
    assert appeal is not None
    assert changes == (
        SayNote(Kind.GOAL_UPDATE, "fa", counter("a")(), appeal.id, True, Form.OPEN),
        ChangeProfile(urgent=False),
    )
    assert after.announcements[-1].figures.percent == 52


def test_a_goal_update_answers_what_is_left_of_the_appeal() -> None:
    campaign = opened("en", "fa")
    english, persian = campaign.announcements[0].notes
    campaign = life.withdraw(campaign, english.id, LATER)[0]
    (say,) = says(life.goal_update(campaign, LATER, counter("a"))[1])
    assert (say.language, say.reply_to) == ("fa", persian.id)
    campaign = life.withdraw(campaign, persian.id, LATER)[0]
    with pytest.raises(MoveRefused, match="withdrawn"):
        life.goal_update(campaign, LATER, counter("a"))


def test_nothing_asks_again_past_the_expiry() -> None:
    campaign = opened()
    with pytest.raises(MoveRefused, match="expired"):
        life.goal_update(campaign, campaign.expires, counter("a"))
    with pytest.raises(Refused, match="expires"):
        life.resume(life.pause(campaign, LATER)[0], LISTED, campaign.expires)


def test_pausing_and_resuming_edit_every_standing_note() -> None:
    campaign = life.goal_update(opened(), LATER, counter("a"))[0]
    paused, changes = life.pause(campaign, LATER)
    assert [edit.form for edit in edits(changes)] == [Form.PAUSED] * 3
    assert paused.paused == LATER
    resumed, changes = life.resume(paused, LISTED, LATER)
    assert [edit.form for edit in edits(changes)] == [Form.OPEN] * 3
    assert resumed.paused is None


def test_resuming_takes_the_figures_of_now_and_leaves_those_of_goal_updates() -> None:
    campaign = life.goal_update(opened(), LATER, counter("a"))[0]
    more = replace(DESTINATION, raised=Money(Decimal("2600"), "EUR"), as_of=LATER)
    paused = replace(life.pause(campaign, LATER)[0], destinations=(more,))
    resumed = life.resume(paused, LISTED, LATER)[0]
    assert [said.figures.percent for said in resumed.announcements] == [52, 0]


def test_closing_edits_every_note_of_every_language_and_then_says_so_in_each() -> None:
    campaign = life.goal_update(opened("en", "fa"), LATER, counter("a"))[0]
    after, changes = life.close(campaign, CloseReason.GOAL_MET, LATER, counter("b"))
    standing = {note.id for said in campaign.announcements for note in said.standing}
    assert {edit.note_id for edit in edits(changes)} == standing
    assert {edit.form for edit in edits(changes)} == {Form.CLOSED}
    parents = [campaign.appeal_note(language) for language in ("en", "fa")]
    assert [(say.kind, say.language, say.reply_to, say.unlisted) for say in says(changes)] == [
        (Kind.CLOSURE, "en", parents[0] and parents[0].id, False),
        (Kind.CLOSURE, "fa", parents[1] and parents[1].id, False),
    ]
    assert changes[-2:] == (ChangePins(), ChangeProfile())
    assert [type(change) for change in changes] == [EditNote] * 3 + [SayNote] * 2 + [ChangePins, ChangeProfile]
    assert (after.reason, after.closed) == (CloseReason.GOAL_MET, LATER)


def test_closing_a_closed_campaign_changes_nothing_and_is_no_error() -> None:
    closed = in_state(State.CLOSED)
    assert life.close(closed, CloseReason.GOAL_MET, LATER, counter("b")) == (closed, ())


def test_closing_may_replace_the_prepared_texts_language_by_language() -> None:
    given = ClosedText("fa", "پایان یافت.")
    after = life.close(opened("en", "fa"), CloseReason.BY_HAND, LATER, counter("b"), [given])[0]
    assert after.closings == (draft("en").closings[0], given)
    with pytest.raises(Refused, match="de"):
        life.close(opened("en", "fa"), CloseReason.BY_HAND, LATER, counter("b"), [ClosedText("de", "Ende.")])


def test_a_campaign_expires_at_its_end_and_not_before() -> None:
    campaign = opened()
    with pytest.raises(MoveRefused, match="end"):
        life.expire(campaign, campaign.expires - timedelta(seconds=1), counter("b"))
    after, changes = life.expire(campaign, campaign.expires, counter("b"))
    assert (after.state, after.reason, after.form) == (State.CLOSED, CloseReason.EXPIRED, Form.EXPIRED)
    assert {edit.form for edit in edits(changes)} == {say.form for say in says(changes)} == {Form.EXPIRED}


def test_closing_an_expired_campaign_by_hand_replaces_reason_and_texts_by_one_more_edit() -> None:
    campaign = opened("en")
    expired = life.expire(campaign, campaign.expires, counter("b"))[0]
    given = ClosedText("en", "All have arrived after all.")
    after, changes = life.close(expired, CloseReason.GOAL_MET, campaign.expires, counter("d"), [given])
    assert (after.reason, after.form, after.closings) == (CloseReason.GOAL_MET, Form.CLOSED, (given,))
    assert [edit.kind for edit in edits(changes)] == [Kind.APPEAL, Kind.CLOSURE]
    assert not says(changes)


def test_nobody_closes_by_hand_with_the_reason_expired() -> None:
    with pytest.raises(ValueError, match="expire"):
        life.close(opened(), CloseReason.EXPIRED, LATER, counter())


def test_withdrawing_deletes_one_note_and_forgets_its_text() -> None:
    campaign = opened("en", "fa")
    english = campaign.announcements[0].notes[0]
    after, changes = life.withdraw(campaign, english.id, LATER)
    assert changes == (EraseNote(english.id), ChangePins(), ChangeProfile())
    assert after.text("en") is None
    assert after.text("fa") == campaign.text("fa")
    assert draft("en").texts[0].lead not in repr(after)
    assert life.withdraw(after, english.id, LATER) == (after, ())
    closed, changes = life.close(after, CloseReason.BY_HAND, LATER, counter("b"))
    assert english.id not in {edit.note_id for edit in edits(changes)}
    assert [(say.language, say.reply_to is None) for say in says(changes)] == [("en", True), ("fa", False)]
    assert closed.closing("en") is not None


def test_withdrawing_a_goal_update_leaves_the_appeal_as_it_was() -> None:
    campaign = life.goal_update(opened(), LATER, counter("a"))[0]
    after = life.withdraw(campaign, campaign.announcements[-1].notes[0].id, LATER)[0]
    assert after.texts == campaign.texts


def test_a_note_of_another_campaign_cannot_be_withdrawn_here() -> None:
    with pytest.raises(MoveRefused, match="no such note"):
        life.withdraw(opened(), "f" * 32, LATER)


def test_retracting_deletes_every_note_and_forgets_every_text() -> None:
    campaign = life.close(opened("en", "fa"), CloseReason.BY_HAND, LATER, counter("b"))[0]
    after, changes = life.retract(campaign, LATER)
    notes = [note.id for said in campaign.announcements for note in said.notes]
    assert changes == (*(EraseNote(note) for note in notes), ChangePins(), ChangeProfile())
    for text in campaign.texts:
        assert isinstance(text, AppealText)
        assert text.lead not in repr(after)
    assert (after.texts, after.closings, after.destinations, after.retracted) == ((), (), (), LATER)
    assert not after.erased
    assert life.retract(campaign, LATER, erase=True)[0].erased


def test_drafts_and_retracted_campaigns_have_no_form() -> None:
    for state in (State.DRAFT, State.RETRACTED):
        with pytest.raises(ValueError, match="no form"):
            _ = in_state(state).form
