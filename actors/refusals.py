"""How the core of a campaign says no.

    ValueError
    ├── Refused        one or more fields cannot be taken; .problems names each with its reason
    └── MoveRefused    the campaign's state (or its past) does not allow the act

Both are the organiser's to mend, and every text in them may be shown to an organiser as it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final, TypeVar

T = TypeVar("T")

MAX_PROBLEMS: Final = 50
"""Enough to mend a document at once; a hostile one does not get an answer longer than itself."""
MAX_FIELD: Final = 120


@dataclass(frozen=True, slots=True)
class Problem:
    """One field at fault. `field` is a path in the words of the admin endpoint, such as `languages.fa.lead`."""

    field: str
    why: str


class Refused(ValueError):
    """Fields that cannot be taken as they are."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(f"{problem.field}: {problem.why}" for problem in self.problems))

    @classmethod
    def field(cls, field: str, why: str) -> Refused:
        """A refusal of one field."""
        return cls((Problem(field, why),))


class MoveRefused(ValueError):
    """An act the campaign's state does not allow. `move` and `state` are values of campaign.Move and State."""

    def __init__(self, move: str, state: str, why: str) -> None:
        super().__init__(f"cannot {move} a campaign that is {state}: {why}")
        self.move = move
        self.state = state
        self.why = why


class Problems:
    """Collects refusals, so that an organiser hears of every field at once and not of one after the other."""

    def __init__(self) -> None:
        self._found: list[Problem] = []

    def add(self, field: str, why: str) -> None:
        """Notes one more problem; those past the fiftieth are dropped, field paths are cut at 120 characters."""
        self._keep((Problem(field, why),))

    def attempt(self, check: Callable[[], T]) -> T | None:
        """The value of a check, or None where it refused; its problems are kept."""
        with self.collecting():
            return check()
        return None

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Keeps the problems of a Refused raised inside the block."""
        try:
            yield
        except Refused as refused:
            self._keep(refused.problems)

    def _keep(self, problems: Iterable[Problem]) -> None:
        cut = (replace(problem, field=problem.field[:MAX_FIELD]) for problem in problems)
        self._found = [*self._found, *cut][:MAX_PROBLEMS]

    def __bool__(self) -> bool:
        return bool(self._found)

    def settle(self) -> None:
        """Raises Refused with everything found so far, if anything was."""
        if self._found:
            raise Refused(self._found)
