"""The documents that come in and go out, as JSON Schema (OpenAPI 3.1), with examples that are taken as they stand."""

from __future__ import annotations

from typing import Any, Final

from actors.admin.asking import MAX_NUMBER
from actors.campaign import MAX_LANGUAGES
from actors.drafting import MAX_DESTINATIONS, MAX_PROJECTS
from actors.model import CloseReason, Help, Kind, Standing, State
from actors.service.people import SUMMARY_CAP
from actors.service.report import Outcome
from actors.text import ASK_CAP, FULL_TEXT_CAP, HASHTAG_CAP, LEAD_CAP, MAX_HASHTAGS, NAME_CAP, OUTCOME_CAP, TITLE_CAP
from actors.wording import WORDINGS

Schema = dict[str, Any]


def _object(required: str, *, optional: str = "", **members: Schema) -> Schema:
    """An object with these members and no others. `required` and `optional` divide them, to be read at a glance."""
    names = required.split()
    if sorted([*names, *optional.split()]) != sorted(members):
        raise ValueError("a schema names its members twice, in words and in schemas: they differ")
    return {"type": "object", "required": names, "additionalProperties": False, "properties": members}


def _text(most: int, about: str = "") -> Schema:
    return {"type": "string", "maxLength": most, **({"description": about} if about else {})}


def _list(items: Schema, most: int | None = None) -> Schema:
    return {"type": "array", "items": items, **({"maxItems": most} if most else {})}


def _map(values: Schema, **more: Any) -> Schema:
    return {"type": "object", "additionalProperties": values, **more}


def _words(words: Any) -> Schema:
    return {"type": "string", "enum": [str(word) for word in words]}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def ref(name: str) -> Schema:
    """A reference to one of SCHEMAS."""
    return {"$ref": f"#/components/schemas/{name}"}


AMOUNT: Final[Schema] = {
    "type": "string",
    "pattern": "^[0-9]{1,40}(\\.[0-9]{1,40})?$",
    "description": "A decimal string in ASCII digits, with no more decimals than the currency has",
}
CURRENCY: Final[Schema] = {"type": "string", "pattern": "^[A-Z]{3}$", "description": "ISO 4217"}
TIME: Final[Schema] = {"type": "string", "format": "date-time", "description": "RFC 3339, with its offset"}
URL: Final[Schema] = {"type": "string", "format": "uri", "maxLength": 2048, "description": "https only"}
ID: Final[Schema] = {"type": "string", "pattern": "^[0-9a-f]{32}$"}
WHOLE: Final[Schema] = {"type": "integer", "minimum": 0}
VERSION: Final[Schema] = {"type": "integer", "minimum": 1, "description": "Grows with every change; also the ETag"}
ANY_TEXT: Final[Schema] = {"type": "string"}
COUNTS: Final[Schema] = {
    "type": "object",
    "propertyNames": _words(Outcome),
    "additionalProperties": WHOLE,
    "description": "How many inboxes, by outcome",
}

_CLOSING_TEXT: Final = _object(
    "outcome",
    optional="projects",
    outcome=_text(OUTCOME_CAP, "What became of it, in Markdown"),
    projects=_list(_object("name url", name=_text(NAME_CAP), url=URL), MAX_PROJECTS),
)
_APPEAL: Final = _object(
    "title lead ask",
    optional="full_text hashtags closed",
    title=_text(TITLE_CAP, "One line"),
    lead=_text(LEAD_CAP, "What stands in feeds, in Markdown; with all that is generated 500 characters"),
    ask=_text(ASK_CAP, "The sentence that asks; closing takes it out"),
    full_text=_text(FULL_TEXT_CAP, "For our own page, in Markdown"),
    hashtags=_list(_text(HASHTAG_CAP), MAX_HASHTAGS),
    closed=_or_null({**_CLOSING_TEXT, "description": "A draft may lack it, opening asks for it"}),
)
_DESTINATION: Final[Schema] = {
    "id": ID,
    "label": ANY_TEXT,
    "url": URL,
    "kind": _words(Help),
    "currency": _or_null(CURRENCY),
    "state": _words(Standing),
}
_SUMMARY: Final[Schema] = {
    "slug": ANY_TEXT,
    "version": VERSION,
    "state": _words(State),
    "languages": _list(ANY_TEXT),
    "expires": TIME,
}
_STANDING: Final[Schema] = {
    **_SUMMARY,
    "actor": URL,
    "pages": _map(URL),
    "opened": _or_null(TIME),
    "paused": _or_null(TIME),
    "closed": _or_null(TIME),
    "reason": _or_null(_words(CloseReason)),
    "retracted": _or_null(TIME),
    "figures": _object(
        "goal raised currency percent approximate as_of",
        goal=AMOUNT,
        raised={**AMOUNT, "description": "As the public sees it: rounded down to whole per cents of the goal"},
        currency=CURRENCY,
        percent=WHOLE,
        approximate={"type": "boolean"},
        as_of=_or_null(TIME),
    ),
    "destinations": _list(
        _object(
            "id label url kind currency state raised as_of",
            **_DESTINATION,
            raised=_or_null(AMOUNT),
            as_of=_or_null(TIME),
        )
    ),
    "announcements": _list(
        _object(
            "id kind published notes",
            id=ID,
            kind=_words(Kind),
            published=TIME,
            notes=_list(
                _object("id url language withdrawn", id=ID, url=URL, language=ANY_TEXT, withdrawn=_or_null(TIME))
            ),
        )
    ),
}
_HOST: Final = _object(
    "host software word outcome inboxes attempts next_attempt status reason",
    host=ANY_TEXT,
    software=_or_null(ANY_TEXT),
    word=_words(("create", "update", "delete")),
    outcome=_words(Outcome),
    inboxes=WHOLE,
    attempts=WHOLE,
    next_attempt=_or_null(TIME),
    status=_or_null({"type": "integer"}),
    reason=_or_null(ANY_TEXT),
)
_DIGEST: Final[Schema] = {"type": "string", "pattern": "^[0-9a-f]{64}$"}

EXAMPLE_CAMPAIGN: Final[dict[str, Any]] = {
    "goal_amount": "2500",
    "currency": "EUR",
    "expires": "2027-02-28T18:00:00Z",
    "destinations": ["https://give.example/winter"],
    "languages": {
        "en": {
            "title": "Coal for forty stoves",
            "lead": "Forty families in the upper valley have stoves and nothing to burn. A lorry can go up on Friday.",
            "ask": "Please give what you can for the coal and the road.",
            "full_text": "The school is warm, the houses are not.\n\nWe buy in the valley and drive up ourselves.",
            "hashtags": ["MutualAid", "WarmWinter"],
            "closed": {
                "outcome": "The coal is there and paid for. Thank you.",
                "projects": [{"name": "The mountain school", "url": "https://school.example/about"}],
            },
        }
    },
}

SCHEMAS: Final[dict[str, Schema]] = {
    "Nothing": {"type": "object", "maxProperties": 0, "examples": [{}]},
    "Description": {"type": "object", "description": "An OpenAPI 3.1 document"},
    "Actors": _object("actors", actors=_list(ref("Actor"))),
    "Actor": _object(
        "id handle address url name summary published",
        id=URL,
        handle=ANY_TEXT,
        address=ANY_TEXT,
        url=URL,
        name=ANY_TEXT,
        summary={"type": "string", "description": "Markdown, as typed"},
        published=TIME,
    ),
    "ProfileChange": {
        **_object("", optional="name summary", name=_text(NAME_CAP), summary=_text(SUMMARY_CAP, "Markdown")),
        "description": "What is left out stays",
        "examples": [{"name": "Winter relief"}],
    },
    "Destinations": _object("destinations", destinations=_list(ref("Destination"))),
    "Destination": _object("id label url kind currency state", **_DESTINATION),
    "NewDestination": {
        **_object(
            "label url kind",
            optional="currency",
            label=_text(NAME_CAP),
            url=URL,
            kind=_words(Help),
            currency=_or_null({**CURRENCY, "description": "ISO 4217; money has one, offers have none"}),
        ),
        "examples": [
            {"label": "Winter fund", "url": "https://give.example/winter", "kind": "money", "currency": "EUR"},
            {"label": "A room for a month", "url": "https://rooms.example/", "kind": "offer"},
        ],
    },
    "Campaigns": _object("campaigns", campaigns=_list(_object("slug version state languages expires", **_SUMMARY))),
    "CampaignDocument": {
        **_object(
            "goal_amount currency expires languages",
            optional="destinations",
            goal_amount=AMOUNT,
            currency=CURRENCY,
            expires={**TIME, "description": "When it closes by itself: at most 180 days after it opens"},
            destinations={
                **_list(URL, MAX_DESTINATIONS),
                "description": "URLs of active destinations on the actor's list",
            },
            languages=_map(
                _APPEAL, minProperties=1, maxProperties=MAX_LANGUAGES, propertyNames=_words(sorted(WORDINGS))
            ),
        ),
        "description": "The first language is the main one",
        "examples": [EXAMPLE_CAMPAIGN],
    },
    "Standing": {
        **_object(" ".join(_STANDING), **_STANDING),
        "description": "A campaign without its texts",
    },
    "Campaign": _object(f"{' '.join(_STANDING)} document", **_STANDING, document=_or_null(ref("CampaignDocument"))),
    "Raised": {
        **_object(
            "amount",
            optional="as_of",
            amount=AMOUNT,
            as_of=_or_null({**TIME, "description": "When this was true; now if left out"}),
        ),
        "examples": [{"amount": "1250.50"}],
    },
    "Closing": {
        **_object(
            "",
            optional="reason closed",
            reason=_words((CloseReason.BY_HAND, CloseReason.GOAL_MET)),
            closed=_or_null({**_map(_CLOSING_TEXT), "description": "Other closing texts, by language"}),
        ),
        "examples": [
            {"reason": "goal_met", "closed": {"en": {"outcome": "Enough for the whole winter. Thank you."}}},
            {},
        ],
    },
    "Retraction": {
        **_object(
            "",
            optional="erase",
            erase={"type": "boolean", "description": "Leave not even a public line that something was withdrawn"},
        ),
        "examples": [{"erase": True}],
    },
    "Report": _object(
        "slug state settled counts notes",
        slug=ANY_TEXT,
        state=_words(State),
        settled={"type": "boolean", "description": "Nobody is left who has not confirmed"},
        counts=COUNTS,
        notes=_list(
            _object(
                "id url kind language withdrawn counts hosts unnamed",
                id=ID,
                url=URL,
                kind=_words(Kind),
                language=ANY_TEXT,
                withdrawn={"type": "boolean"},
                counts=COUNTS,
                hosts=_list(_HOST),
                unnamed={**COUNTS, "description": "At servers with few followers, which are not named"},
            )
        ),
    ),
    "Audit": _object(
        "entries",
        entries=_list(
            _object(
                "number at organiser act campaign detail previous hash",
                number={"type": "integer", "minimum": 1, "maximum": MAX_NUMBER},
                at=TIME,
                organiser=_or_null(ID),
                act=ANY_TEXT,
                campaign=_or_null(ANY_TEXT),
                detail={"type": "object"},
                previous=_DIGEST,
                hash=_DIGEST,
            )
        ),
    ),
    "Problem": {
        "type": "object",
        "description": "RFC 9457",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": {"type": "string", "format": "uri"},
            "title": ANY_TEXT,
            "status": {"type": "integer"},
            "detail": ANY_TEXT,
            "errors": _list(_object("field detail", field=ANY_TEXT, detail=ANY_TEXT)),
            "state": _words(State),
            "version": _or_null({"type": "integer"}),
        },
    },
}
