"""What is answered when something is not done: one problem document for each status (RFC 9457).

    {"type": "…/openapi.json#/components/responses/Refused", "title": …, "status": 400, "detail": …,
     "errors": [{"field": "languages.fa.lead", "detail": "is 12 characters too long"}]}

Everything in it is ASCII, so that nothing a request brought along can play tricks in the terminal that shows it.
"""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from quart import Response
from werkzeug.exceptions import HTTPException

from actors.refusals import MoveRefused, Refused
from actors.service.desk import DeskError, Outdated
from actors.store.idempotency import KeyReused
from fediverse.protocol.errors import Malformed, Overloaded, TooLarge
from fediverse.protocol.strict_json import Json

PROBLEM_JSON: Final = "application/problem+json"
CHALLENGE: Final = 'Bearer realm="clarion"'

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sort:
    """A kind of problem: its name among the components of openapi.json, and its title."""

    name: str
    title: str


SORTS: Final[Mapping[int, Sort]] = MappingProxyType(
    {
        400: Sort("Refused", "This cannot be taken as it is"),
        401: Sort("NoToken", "A token is needed, in the Authorization header"),
        403: Sort("NotAllowed", "This token may not do that"),
        404: Sort("NotThere", "There is no such thing"),
        405: Sort("NoSuchMethod", "This is not possible here"),
        408: Sort("TooSlow", "The body took too long"),
        409: Sort("WrongState", "The campaign's state does not allow this"),
        412: Sort("Outdated", "It is not as you think it is"),
        413: Sort("TooLarge", "The body is too large"),
        415: Sort("NotJson", "The body must be application/json"),
        422: Sort("KeyReused", "This Idempotency-Key was used for another request"),
        428: Sort("VersionNeeded", "Say which version you replace"),
        429: Sort("TooMany", "Too many tokens that nobody has"),
        500: Sort("Failed", "Something went wrong here"),
        503: Sort("Busy", "Try again later"),
    }
)


class Declined(Exception):
    """A request that is not carried out. `more` are members of the document besides those every problem has."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, Json] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})
        self.more = dict(more or {})

    @classmethod
    def token(cls, detail: str, *, error: str = "") -> Declined:
        """401, with the challenge of RFC 6750 §3."""
        challenge = f'{CHALLENGE}, error="{error}"' if error else CHALLENGE
        return cls(401, detail, headers={"WWW-Authenticate": challenge})


def etag(version: int) -> str:
    """The entity tag of a campaign's version."""
    return f'"{version}"'


def answer(problem: Declined, origin: str) -> Response:
    """The problem as it goes out."""
    sort = SORTS[problem.status]
    document: dict[str, Json] = {
        "type": f"{origin}/admin/v1/openapi.json#/components/responses/{sort.name}",
        "title": sort.title,
        "status": problem.status,
        "detail": problem.detail,
        **problem.more,
    }
    return Response(json.dumps(document) + "\n", problem.status, headers=problem.headers, content_type=PROBLEM_JSON)


def understand(problem: Exception) -> Declined:
    """What to answer for whatever was raised. What nobody expected is logged by type and place, and is a 500."""
    match problem:
        case Declined():
            return problem
        case Refused():
            errors: list[Json] = [{"field": each.field, "detail": each.why} for each in problem.problems]
            return Declined(400, f"{len(errors)} to mend: {_names(problem)}", more={"errors": errors})
        case MoveRefused():
            return Declined(409, str(problem), more={"state": str(problem.state)})
        case Outdated():
            headers = {"ETag": etag(problem.version)} if problem.version else {}
            return Declined(412, str(problem), headers=headers, more={"version": problem.version})
        case DeskError():
            return Declined(problem.status, str(problem))
        case KeyReused():
            return Declined(422, str(problem))
        case Overloaded():
            return Declined(503, problem.safe, headers={"Retry-After": str(problem.retry_after)})
        case Malformed() | TooLarge():
            return Declined(problem.status, problem.safe)
        case HTTPException() if problem.code in (408, 413):
            return Declined(problem.code, SORTS[problem.code].title)
        case _:
            # The type and the place are ours; the message may hold what somebody sent, or the values of a statement.
            place = traceback.extract_tb(problem.__traceback__)[-1]
            log.error("a request failed: %s in %s, line %s", type(problem).__name__, place.name, place.lineno)
            return Declined(500, "It was logged; nothing was changed")


def _names(refused: Refused) -> str:
    shown = [each.field for each in refused.problems[:5]]
    return ", ".join([*shown, "and more"] if len(refused.problems) > len(shown) else shown)
