"""The whole life of campaigns, played at random: what must hold whatever organisers do, in whatever order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from actors import campaign as life
from actors.model import Campaign, Change, CloseReason, EditNote, EraseNote, Form, Kind, Move, Moved, SayNote, State
from actors.money import Money
from actors.notices import profile_fields, render
from actors.page import page
from actors.pins import MAX_PINS, Pin, Unpin, pin_changes, pins
from actors.refusals import MoveRefused, Refused
from actors.text import plain
from tests.actors.campaigns import ASKS, DESTINATION, NOW, OFFER, ORIGIN, OUTCOMES, counter, draft

LISTED = (DESTINATION, OFFER)
FINAL = {State.RETRACTED}


class CampaignLife(RuleBasedStateMachine):
    """Keeps what a follower's server would hold if every change reached it, and compares."""

    @initialize(languages=st.permutations(["en", "fa", "de", "ar"]), count=st.integers(1, 3))
    def begin(self, languages: list[str], count: int) -> None:
        self.now = NOW
        self.new_id = counter()
        self.campaign: Campaign = draft(*languages[:count])
        self.held: dict[str, Form] = {}
        self.erased: set[str] = set()
        self.pinned: list[str] = []
        self.states = [State.DRAFT]

    def act(self, move: Move, run: Callable[[], Moved]) -> None:
        before = self.campaign
        try:
            self.campaign, changes = run()
        except MoveRefused:
            assert self.campaign is before
            return
        except Refused:
            # Only an end that has come keeps an otherwise possible start from happening here.
            assert move in (Move.OPEN, Move.RESUME)
            assert before.expires <= self.now
            return
        assert life.MOVES[move][before.state] is self.campaign.state
        self.states.append(self.campaign.state)
        self.hear(changes)
        if not changes:
            assert self.campaign == before

    def hear(self, changes: tuple[Change, ...]) -> None:
        for change in changes:
            match change:
                case SayNote():
                    assert change.note_id not in self.held
                    assert change.note_id not in self.erased
                    assert change.reply_to is None or change.reply_to in self.held
                    self.held[change.note_id] = change.form
                case EditNote():
                    assert change.note_id in self.held
                    self.held[change.note_id] = change.form
                case EraseNote():
                    del self.held[change.note_id]
                    self.erased.add(change.note_id)
        for pin in pin_changes(self.pinned, [self.campaign], self.now):
            match pin:
                case Unpin():
                    self.pinned.remove(pin.note_id)
                case Pin():
                    if pin.note_id in self.pinned:
                        self.pinned.remove(pin.note_id)
                    self.pinned.insert(pin.position, pin.note_id)

    @rule(hours=st.integers(1, 24 * 40))
    def time_passes(self, hours: int) -> None:
        self.now += timedelta(hours=hours)
        self.hear(())

    @rule(raised=st.integers(0, 12_000))
    def money_comes_in(self, raised: int) -> None:
        place = replace(DESTINATION, raised=Money(Decimal(raised), "EUR"), as_of=self.now)
        self.campaign = replace(self.campaign, destinations=(place, OFFER))

    @rule()
    def open(self) -> None:
        self.act(Move.OPEN, lambda: life.open(self.campaign, LISTED, self.now, self.new_id))

    @rule()
    def goal_update(self) -> None:
        self.act(Move.GOAL_UPDATE, lambda: life.goal_update(self.campaign, self.now, self.new_id))

    @rule()
    def pause(self) -> None:
        self.act(Move.PAUSE, lambda: life.pause(self.campaign, self.now))

    @rule()
    def resume(self) -> None:
        self.act(Move.RESUME, lambda: life.resume(self.campaign, LISTED, self.now))

    @rule(reason=st.sampled_from([CloseReason.BY_HAND, CloseReason.GOAL_MET]))
    def close(self, reason: CloseReason) -> None:
        self.act(Move.CLOSE, lambda: life.close(self.campaign, reason, self.now, self.new_id))

    @rule()
    def expire(self) -> None:
        self.act(Move.EXPIRE, lambda: life.expire(self.campaign, self.now, self.new_id))

    @precondition(lambda self: bool(self.campaign.announcements))
    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        notes = [note.id for said in self.campaign.announcements for note in said.notes]
        note_id = data.draw(st.sampled_from(notes))
        self.act(Move.WITHDRAW, lambda: life.withdraw(self.campaign, note_id, self.now))

    @precondition(lambda self: self.campaign.state is State.CLOSED or len(self.states) > 8)
    @rule(erase=st.booleans())
    def retract(self, erase: bool) -> None:
        self.act(Move.RETRACT, lambda: life.retract(self.campaign, self.now, erase=erase))

    @invariant()
    def every_copy_heard_the_form_the_campaign_has(self) -> None:
        assert set(self.held) == {note.id for said in self.campaign.announcements for note in said.standing}
        if self.campaign.state not in (State.DRAFT, State.RETRACTED):
            assert set(self.held.values()) <= {self.campaign.form}
        else:
            assert not self.held

    @invariant()
    def no_note_asks_but_an_open_one(self) -> None:
        if self.campaign.state in (State.DRAFT, State.RETRACTED):
            return
        for said in self.campaign.announcements:
            for note in said.standing:
                text = render(self.campaign, said, note.language, ORIGIN)
                asks = self.campaign.state is State.OPEN and said.kind is Kind.APPEAL
                assert (ASKS[note.language] in plain(text.content)) is asks
                assert bool(text.hashtags) is asks
                assert "donate.example" not in text.content
                if self.campaign.form is Form.CLOSED and said.kind is not Kind.GOAL_UPDATE:
                    assert OUTCOMES[note.language] in plain(text.content)

    @invariant()
    def the_page_shows_destinations_only_while_it_may(self) -> None:
        for language in self.campaign.languages:
            shown = page(self.campaign, language, ORIGIN, self.now)
            if shown is None:
                assert self.campaign.state is State.DRAFT
                continue
            if shown.destinations:
                assert self.campaign.state is State.OPEN
                assert self.now < self.campaign.expires
            if shown.status == 410 or shown.form is not Form.OPEN:
                assert not shown.ask_html
                assert not shown.full_text_html

    @invariant()
    def pins_follow_the_state(self) -> None:
        wanted = pins([self.campaign], self.now)
        self.hear(())
        assert tuple(self.pinned) == wanted
        assert len(wanted) <= MAX_PINS
        assert set(wanted) <= set(self.held)
        if self.now >= self.campaign.expires and self.campaign.state is not State.CLOSED:
            assert not wanted

    @invariant()
    def the_profile_never_invites_to_a_campaign_that_has_ended(self) -> None:
        for _, value in profile_fields([self.campaign], ORIGIN, self.now):
            open_now = self.campaign.state is State.OPEN and self.now < self.campaign.expires
            assert ("%" in value or "٪" in value) is open_now

    @invariant()
    def what_is_over_stays_over(self) -> None:
        for before, after in zip(self.states, self.states[1:], strict=False):
            assert before not in FINAL
            if before is State.CLOSED:
                assert after in (State.CLOSED, State.RETRACTED)


CampaignLife.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestCampaignLife = CampaignLife.TestCase
