from __future__ import annotations

import pytest

from actors.refusals import MAX_FIELD, MAX_PROBLEMS, MoveRefused, Problem, Problems, Refused


def test_every_problem_is_told_at_once() -> None:
    problems = Problems()
    assert problems.attempt(lambda: 5) == 5

    def refuse() -> int:
        raise Refused((Problem("b", "is wrong"), Problem("c", "is wrong")))

    problems.add("a", "is wrong")
    assert problems.attempt(refuse) is None
    with pytest.raises(Refused) as refusal:
        problems.settle()
    assert [problem.field for problem in refusal.value.problems] == ["a", "b", "c"]


def test_without_a_problem_nothing_is_refused() -> None:
    problems = Problems()
    problems.settle()
    assert not problems


def test_a_hostile_document_gets_a_short_answer() -> None:
    problems = Problems()
    for at in range(1000):
        problems.add(f"{at}" * 1000, "is not a field")
    with pytest.raises(Refused) as refusal:
        problems.settle()
    assert len(refusal.value.problems) == MAX_PROBLEMS
    assert max(len(problem.field) for problem in refusal.value.problems) == MAX_FIELD


def test_a_refused_move_says_which_and_why() -> None:
    refusal = MoveRefused("open", "closed", "it has ended")
    assert (refusal.move, refusal.state, refusal.why) == ("open", "closed", "it has ended")
