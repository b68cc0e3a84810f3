"""What a recording server keeps of what it is told, and what its people see of it: pure, no network, no clock.

    activity          kept by a server like Mastodon                                     mastodon-compat
    Accept, Reject    of a Follow of one of its people                                   §4.4
    Create            needs a follower; a known or once deleted id is left alone; a      §3.2, §4.1
                      reply whose parent is unknown is hidden (or, at Misskey, refused)
    Update of a note  only if `updated` is later than the last; at Misskey: never        §4.1
    Delete            gone for good: the id is never shown again                         §4.3
    Add, Remove       pins                                                               §4.5
    Update of actor   the profile                                                        §4.2

Only what the signer itself wrote is taken from it. Every activity id has one effect, at each inbox.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from html.parser import HTMLParser
from typing import Any, Final, Literal
from urllib.parse import urlsplit

OLD: Final = timedelta(days=1)
"""An Update of an unknown note older than this is ignored; a younger one is as good as a Create."""

_KEPT = frozenset("\u200c\u200d\u200e\u200f\u2066\u2067\u2068\u2069")
"""What right-to-left text needs; nothing else that is invisible may reach a terminal."""

_BLOCKS = frozenset({"p", "br", "li", "ul", "ol", "blockquote"})


@dataclass(frozen=True, slots=True)
class Manners:
    """How a kind of server treats what it is sent.

    `signed_gets`: it shows its people to signed requests only, as GoToSocial does. `max_body` is in bytes.
    """

    software: str
    shared_inbox: bool = True
    takes_edits: bool = True
    orphans: Literal["hidden", "refused"] = "hidden"
    signed_gets: bool = False
    max_body: int = 1 << 20


@dataclass(slots=True)
class Status:
    """A note as this server keeps it; `answers` is the id of the note it replies to.

    `hidden`: kept, but in nobody's feed, because what it answers is unknown here.
    """

    id: str
    author: str
    language: str
    content: str
    summary: str
    published: datetime
    updated: datetime | None
    answers: str | None
    hidden: bool

    @property
    def paragraphs(self) -> tuple[str, ...]:
        """What a reader sees, without markup, the content warning apart."""
        return tuple(_Reader.of(self.content).words)

    @property
    def text(self) -> str:
        """All that a reader sees, the content warning first."""
        return " ".join([self.summary, *self.paragraphs]).strip()

    @property
    def links(self) -> tuple[str, ...]:
        """Where its links lead."""
        return tuple(_Reader.of(self.content).links)


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of an activity: `word` in short, `text` for whoever watches."""

    word: Literal["accepted", "shown", "replaced", "deleted", "pinned", "unpinned", "profile", "ignored", "refused"]
    text: str


@dataclass(slots=True)
class Timelines:
    """One server's memory. `follows` holds who of its people follows whom, and whether that was accepted."""

    manners: Manners
    statuses: dict[str, Status] = field(default_factory=dict)
    buried: set[str] = field(default_factory=set)
    pinned: list[str] = field(default_factory=list)
    profiles: dict[str, dict[str, Any]] = field(default_factory=dict)
    follows: dict[tuple[str, str], bool] = field(default_factory=dict)
    feeds: dict[str, list[str]] = field(default_factory=dict)
    _seen: set[tuple[str, str | None]] = field(default_factory=set)

    def home(self, person: str) -> list[Status]:
        """The home feed of one of its people, oldest first."""
        return [self.statuses[each] for each in self.feeds.get(person, ())]

    def pins(self) -> list[Status]:
        """The pinned notes it knows."""
        return [self.statuses[each] for each in self.pinned if each in self.statuses]

    def profile_texts(self, actor: str) -> Iterator[tuple[str, tuple[str, ...]]]:
        """The fields of a profile: what they say, and where their links lead."""
        for row in self.profiles.get(actor, {}).get("attachment", ()):
            reader = _Reader.of(str(row.get("value", "")))
            yield f"{row.get('name', '')}: {' '.join(reader.words)}", tuple(reader.links)

    def take(self, activity: Mapping[str, Any], signer: str, to: str | None = None) -> Taken:
        """Take in one activity of `signer`, proven. `to` is whose personal inbox it came to; None: the shared one."""
        key = (str(activity.get("id")), to)
        if key in self._seen:
            return Taken("ignored", "this id had its effect already")
        self._seen.add(key)
        obj = activity.get("object")
        match activity.get("type"):
            case "Accept" | "Reject" as answer:
                return self._answered(answer == "Accept", obj, signer)
            case "Create" if isinstance(obj, Mapping):
                return self._create(obj, signer, to)
            case "Update" if isinstance(obj, Mapping):
                return self._update(obj, signer, to)
            case "Delete":
                return self._delete(_id_of(obj), signer)
            case "Add" | "Remove" as move:
                return self._pin(move == "Add", _id_of(obj), activity.get("target"), signer)
            case kind:
                return Taken("ignored", f"nothing is done with {kind}")

    def _answered(self, yes: bool, obj: Any, signer: str) -> Taken:
        person = obj.get("actor") if isinstance(obj, Mapping) else None
        if not isinstance(person, str) or (person, signer) not in self.follows:
            return Taken("ignored", "nobody here asked")
        name = _name(person)
        if not yes:
            del self.follows[person, signer]
            return Taken("accepted", f"{name} may not follow")
        self.follows[person, signer] = True
        self.feeds.setdefault(person, [])
        return Taken("accepted", f"{name} follows now")

    def _create(self, note: Mapping[str, Any], signer: str, to: str | None) -> Taken:
        readers = [who for (who, whom), yes in self.follows.items() if yes and whom == signer and to in (None, who)]
        status = _status(note)
        if status is None or status.author != signer or _host(status.id) != _host(signer):
            return Taken("refused", "not a note of its sender")
        if status.id in self.buried:
            return Taken("ignored", "it was deleted here, for good")
        if not readers:
            return Taken("ignored", "nobody here follows its author")
        known = self.statuses.get(status.id)
        if known is None:
            if status.answers is not None and status.answers not in self.statuses:
                if self.manners.orphans == "refused":
                    return Taken("refused", "it answers a note that is not known here")
                status.hidden = True
            self.statuses[status.id] = known = status
        if known.hidden:
            return Taken("ignored", "kept but hidden: it answers a note that is not known here")
        new = [who for who in readers if known.id not in self.feeds[who]]
        for who in new:
            self.feeds[who].append(known.id)
        if not new:
            return Taken("ignored", "known already")
        return Taken("shown", f"now in the feed of {_names(new)}")

    def _update(self, obj: Mapping[str, Any], signer: str, to: str | None) -> Taken:
        if obj.get("id") == signer:
            self.profiles[signer] = dict(obj)
            return Taken("profile", "profile replaced")
        if not self.manners.takes_edits:
            return Taken("ignored", f"{self.manners.software} takes no edits of notes")
        status = _status(obj)
        if status is None or status.author != signer or status.updated is None:
            return Taken("refused", "not an edit of a note by its author")
        known = self.statuses.get(status.id)
        if known is None:
            if status.updated - status.published > OLD:
                return Taken("ignored", "an edit of an old note that is not known here")
            return self._create(obj, signer, to)
        if known.author != signer:
            return Taken("refused", "the note is somebody else's")
        if status.updated == known.updated:
            return Taken("ignored", "this version is shown already")
        if known.updated is not None and status.updated < known.updated:
            return Taken("ignored", "not newer than what is shown")
        known.content, known.summary = status.content, status.summary
        known.language, known.updated = status.language, status.updated
        return Taken("replaced", "text replaced wherever it is shown")

    def _delete(self, note_id: str, signer: str) -> Taken:
        known = self.statuses.get(note_id)
        if _host(note_id) != _host(signer) or (known is not None and known.author != signer):
            return Taken("refused", "the note is somebody else's")
        self.buried.add(note_id)
        self.statuses.pop(note_id, None)
        for feed in self.feeds.values():
            if note_id in feed:
                feed.remove(note_id)
        if note_id in self.pinned:
            self.pinned.remove(note_id)
        return Taken("deleted", "gone from every feed, for good")

    def _pin(self, add: bool, note_id: str, target: Any, signer: str) -> Taken:
        if target != self.profiles.get(signer, {}).get("featured"):
            return Taken("ignored", "not the collection of pinned notes")
        if add and note_id not in self.statuses:
            return Taken("ignored", "a note that is not known here")
        if note_id in self.pinned:
            self.pinned.remove(note_id)
        if add:
            self.pinned.append(note_id)
        return Taken("pinned", "pinned to the profile") if add else Taken("unpinned", "no longer pinned")


class _Reader(HTMLParser):
    """The words and links of a note's HTML."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.links: list[str] = []
        self._apart = True

    @classmethod
    def of(cls, content: str) -> _Reader:
        reader = cls()
        reader.feed(content)
        reader.close()
        return reader

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._apart = self._apart or tag in _BLOCKS
        self.links += [value for name, value in attrs if tag == "a" and name == "href" and value]

    def handle_endtag(self, tag: str) -> None:
        self._apart = self._apart or tag in _BLOCKS

    def handle_data(self, data: str) -> None:
        text = "".join(character for character in data if character.isprintable() or character in _KEPT)
        if self._apart or not self.words:
            self.words.append(text)
        else:
            self.words[-1] += text
        self._apart = False


def _status(note: Mapping[str, Any]) -> Status | None:
    """A note as it came, or None where it lacks what every receiver wants of it (mastodon-compat §3.2 to §3.4)."""
    content, by_language = note.get("content"), note.get("contentMap")
    if not isinstance(content, str) or not content or not isinstance(by_language, Mapping):
        return None
    languages = [language for language, text in by_language.items() if text == content]
    published, updated = _moment(note.get("published")), _moment(note.get("updated"))
    if len(languages) != 1 or published is None or note.get("type") != "Note":
        return None
    return Status(
        id=str(note.get("id")),
        author=str(note.get("attributedTo")),
        language=str(languages[0]),
        content=content,
        summary=str(note.get("summary") or ""),
        published=published,
        updated=updated,
        answers=None if note.get("inReplyTo") is None else str(note["inReplyTo"]),
        hidden=False,
    )


def _moment(value: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo is not None else None


def _id_of(obj: Any) -> str:
    return str(obj.get("id") if isinstance(obj, Mapping) else obj)


def _host(url: str) -> str:
    return urlsplit(url).netloc


def _name(person: str) -> str:
    return person.rpartition("/")[2]


def _names(people: Iterable[str]) -> str:
    return " and ".join(_name(each) for each in people)
