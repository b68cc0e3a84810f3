"""What a server shows its people after everything it was sent, read off the POSTs it recorded.

    shown = Shown.after(peer.posts, software="mastodon")
    shown.notes[note_id]["content"]; shown.pins; shown.gone; shown.profile

Mastodon's rules, and Misskey's where it differs (mastodon-compat §3.2, §4.1, §4.3, §4.5): written apart from what the
demo's servers do, so that one may be wrong without the other.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Self

from tests.peers.recording import Received

_TAG = re.compile(r"<[^>]*>")
_HREF = re.compile(r'href="([^"]*)"')


def text_of(note: dict[str, Any]) -> str:
    """What a reader sees of a note: the content warning, then the text, a line per paragraph."""
    lines = re.sub(r"</p>|<br>|</li>", "\n", str(note["content"]))
    return f"{note.get('summary') or ''}\n{html.unescape(_TAG.sub('', lines))}".strip()


def links_of(note: dict[str, Any]) -> list[str]:
    """Where the links in a note lead."""
    return [html.unescape(found) for found in _HREF.findall(str(note["content"]))]


@dataclass
class Shown:
    """A server's memory of one actor. `orphans` are replies that came before what they answer: Mastodon hides them."""

    takes_edits: bool = True
    notes: dict[str, dict[str, Any]] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    pins: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)
    profile: dict[str, Any] = field(default_factory=dict)
    _known: set[str] = field(default_factory=set)

    @classmethod
    def after(cls, posts: Iterable[Received], *, software: str = "mastodon") -> Self:
        """The state after these posts, in their order."""
        shown = cls(takes_edits=software != "misskey")
        for post in posts:
            shown.take(post.document)
        return shown

    def take(self, activity: dict[str, Any]) -> None:
        """One activity; an id seen before has no effect."""
        if activity["id"] in self._known:
            return
        self._known.add(activity["id"])
        obj = activity["object"]
        match activity["type"]:
            case "Create" if obj["id"] not in self.notes and obj["id"] not in self.gone:
                if obj.get("inReplyTo") and obj["inReplyTo"] not in self.notes:
                    self.orphans.append(obj["id"])
                self.notes[obj["id"]] = obj
            case "Update" if obj["type"] == "Note":
                known = self.notes.get(obj["id"])
                if self.takes_edits and known and (known.get("updated") or "") < obj["updated"]:
                    self.notes[obj["id"]] = obj
            case "Update":
                self.profile = obj
            case "Delete":
                self.gone.add(obj["id"])
                self.notes.pop(obj["id"], None)
                self.pins = [pin for pin in self.pins if pin != obj["id"]]
            case "Add" if obj in self.notes:
                self.pins = [*(pin for pin in self.pins if pin != obj), obj]
            case "Remove":
                self.pins = [pin for pin in self.pins if pin != obj]

    @property
    def texts(self) -> dict[str, str]:
        """Note id -> what a reader sees."""
        return {note_id: text_of(note) for note_id, note in self.notes.items()}

    def of_language(self, language: str) -> list[dict[str, Any]]:
        """Its notes in one language, oldest first."""
        return [note for note in self.notes.values() if list(note["contentMap"]) == [language]]
