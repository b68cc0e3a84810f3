"""The retry table, row by row."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fediverse.protocol.retry import (
    FIRST_AFTER_401,
    LONGEST,
    MISSING_FOR,
    RETRY_AFTER_CAP,
    Answered,
    AskActor,
    Delivered,
    Failed,
    History,
    Priority,
    Refused,
    RetryDelivery,
    RetryHost,
    TryPersonal,
    backoff,
    judge,
    outcome_unknown,
    retry_after,
)

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PERSONAL = History(attempts=1, host_failures=0, missing_since=None, shared=False)
SHARED = History(attempts=1, host_failures=0, missing_since=None, shared=True)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_g2_a_status_of_success_is_a_delivery(status: int) -> None:
    assert judge(Answered(status), PERSONAL, NOW, 0.5) == Delivered()


@pytest.mark.parametrize("status", [400, 403, 405, 413, 415, 422, 501])
def test_g3_what_another_try_cannot_change_is_refused_at_once(status: int) -> None:
    assert judge(Answered(status), PERSONAL, NOW, 0.5) == Refused()


@pytest.mark.parametrize("status", [402, 406, 408, 409, 418, 425, 451, 500, 505, 507, 599])
def test_g3_any_other_answer_delays_this_delivery_only(status: int) -> None:
    assert judge(Answered(status), PERSONAL, NOW, 0.0) == RetryDelivery(NOW + timedelta(seconds=15))


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_g5_an_overloaded_host_rests_as_a_whole(status: int) -> None:
    assert judge(Answered(status), PERSONAL, NOW, 0.0) == RetryHost(NOW + timedelta(seconds=15), asked=False)
    asked = judge(Answered(status, "120"), PERSONAL, NOW, 0.0)
    assert asked == RetryHost(NOW + timedelta(seconds=120), asked=True)


def test_a_host_that_cannot_be_reached_rests_longer_each_time() -> None:
    waits = [
        judge(Failed("connect", sent=False), History(1, failures, None, shared=True), NOW, 0.0)
        for failures in range(20)
    ]
    moments = [wait.at for wait in waits if isinstance(wait, RetryHost)]
    assert len(moments) == 20
    assert moments == sorted(moments)
    assert moments[-1] == NOW + LONGEST


def test_the_first_try_after_401_is_past_the_pause_in_which_keys_are_not_fetched() -> None:
    verdict = judge(Answered(401), PERSONAL, NOW, 0.0)
    assert verdict == RetryDelivery(NOW + FIRST_AFTER_401)
    late = judge(Answered(401), History(12, 0, None, shared=False), NOW, 0.0)
    assert isinstance(late, RetryDelivery)
    assert late.at > NOW + FIRST_AFTER_401


@pytest.mark.parametrize("status", [301, 302, 307, 308, 404, 410])
def test_a_shared_inbox_that_is_not_there_gives_way_to_the_personal_ones(status: int) -> None:
    assert judge(Answered(status), SHARED, NOW, 0.0) == TryPersonal(NOW + timedelta(seconds=15), over=False)


@pytest.mark.parametrize("status", [301, 302, 307, 308, 404, 410])
def test_a_personal_inbox_that_is_not_there_asks_for_its_actor(status: int) -> None:
    assert judge(Answered(status), PERSONAL, NOW, 0.0) == AskActor(NOW + timedelta(seconds=15), over=False)


def test_a_personal_inbox_is_given_up_after_a_week() -> None:
    week_old = History(9, 0, NOW - MISSING_FOR, shared=False)
    verdict = judge(Answered(404), week_old, NOW, 0.0)
    assert isinstance(verdict, AskActor)
    assert verdict.over


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0", NOW),
        ("90", NOW + timedelta(seconds=90)),
        (" 90 ", NOW + timedelta(seconds=90)),
        (format_datetime(NOW + timedelta(hours=1)), NOW + timedelta(hours=1)),
        (format_datetime(NOW - timedelta(hours=1)), NOW),
        ("315360000", NOW + RETRY_AFTER_CAP),
        ("9" * 400, NOW + RETRY_AFTER_CAP),
        ("Fri, 31 Dec 9999 23:59:59 -2300", None),
        ("soon", None),
        ("-5", None),
        ("1e9", None),
        ("٣٠", None),
        ("", None),
        (None, None),
    ],
)
def test_g5_retry_after_is_read_capped_and_otherwise_ignored(value: str | None, expected: datetime | None) -> None:
    assert retry_after(value, NOW) == expected


@given(st.text(max_size=60))
def test_g5_no_retry_after_stops_us_or_reaches_beyond_a_day(value: str) -> None:
    at = retry_after(value, NOW)
    assert at is None or NOW <= at <= NOW + RETRY_AFTER_CAP


@given(
    answer=st.builds(Answered, st.integers(100, 599), st.none() | st.text(max_size=30)),
    history=st.builds(History, st.integers(1, 500), st.integers(0, 500), st.just(NOW), st.booleans()),
    jitter=st.floats(0, 1, exclude_max=True),
)
def test_g3_whatever_the_answer_there_is_a_next_step_and_never_a_wait_over_a_day(
    answer: Answered, history: History, jitter: float
) -> None:
    verdict = judge(answer, history, NOW, jitter)
    if isinstance(verdict, RetryHost | RetryDelivery | AskActor):
        assert NOW <= verdict.at <= NOW + RETRY_AFTER_CAP


@given(st.integers(0, 10**6), st.floats(0, 1, exclude_max=True))
def test_the_back_off_grows_and_ends(failures: int, jitter: float) -> None:
    assert timedelta(seconds=15) <= backoff(failures, jitter) <= LONGEST
    assert backoff(failures, 0.0) <= backoff(failures + 1, 0.0)


def test_only_an_attempt_that_may_have_arrived_leaves_its_outcome_unknown() -> None:
    assert outcome_unknown(Failed("timeout", sent=True))
    assert not outcome_unknown(Failed("connect", sent=False))
    assert outcome_unknown(Answered(504))
    assert not outcome_unknown(Answered(500))
    assert not outcome_unknown(Answered(202))


def test_safety_acts_are_tried_for_thirty_days_and_the_rest_for_a_week() -> None:
    assert {level.name: level.keeps_trying.days for level in Priority} == {
        "ANSWER": 7,
        "RETRACT": 30,
        "CLOSE": 30,
        "PAUSE": 30,
        "CORRECT": 30,
        "APPEAL": 7,
        "GOAL": 7,
        "PROFILE": 7,
    }
