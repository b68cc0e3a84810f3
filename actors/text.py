"""What organisers may write, and how it becomes HTML that every receiver keeps.

Two kinds of fields: a *line* (titles, names) holds no control and no direction character at all; *prose* (lead, ask,
full text, outcome) may have line ends, marks and paired isolates, and is read as a small Markdown. Zero-width
non-joiner and joiner are ordinary spelling in both. Everything else is escaped, never interpreted: no HTML, no images,
no mentions.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token

from actors.names import link_host, named_host, payment_scheme
from actors.refusals import Problems, Refused
from fediverse.protocol.errors import Malformed
from fediverse.protocol.origins import check_url, host_of

TITLE_CAP: Final = 100
NAME_CAP: Final = 80
LEAD_CAP: Final = 400
ASK_CAP: Final = 200
OUTCOME_CAP: Final = 500
FULL_TEXT_CAP: Final = 20_000
MAX_HASHTAGS: Final = 5
HASHTAG_CAP: Final = 50
URL_LENGTH: Final = 23
"""What Mastodon counts for a link of any length (its StatusLengthValidator)."""
CODE_POINTS_PER_CHARACTER: Final = 4
"""A limit in characters as a reader sees them must not let in a letter with a thousand accents."""

_OVERRIDES = frozenset("\u202a\u202b\u202c\u202d\u202e")
_ISOLATES = frozenset("\u2066\u2067\u2068")
_POP = "\u2069"
_MARKS = frozenset("\u200e\u200f\u061c")
_JOINERS = frozenset("\u200c\u200d")
_VISIBLE_FORMATS = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u08e2")
_PROSE_FORMATS = _JOINERS | _MARKS | _ISOLATES | _VISIBLE_FORMATS | {_POP, "\u200b", "\u2060", "\u00ad", "\ufeff"}
_BLANKS = frozenset("\u115f\u1160\u2800\u3164\uffa0")

# The elements, attributes and schemes of ours that Mastodon keeps (mastodon-compat §3.4).
ELEMENTS: Final = {"p", "br", "a", "strong", "em", "ul", "ol", "li", "blockquote"}
# "*" has to be said: without it nh3 lets `lang` and `title` through on every element.
ATTRIBUTES: Final[dict[str, set[str]]] = {"*": set(), "a": {"href", "class", "rel"}, "ol": {"start"}}
SCHEMES: Final = {"https"}

# A line end typed is a line end meant. Entities are off, or "&#8238;" would bring in what the checks keep out.
_MARKDOWN = MarkdownIt("zero", {"html": False, "breaks": True}).enable(
    ["paragraph", "list", "blockquote", "newline", "escape", "emphasis", "link", "autolink"]
)

_TAG = re.compile(r"<[^<>]*>")
_LINK = re.compile(r"<a [^<>]*>(.*?)</a>", re.DOTALL)
_HASHTAG_LINK = re.compile(r'<a [^<>]*class="mention hashtag"')
_URL = re.compile(r"https?://[^\s<>\u2068\u2069]++")
_REMOTE_MENTION = re.compile(r"(?<![\w@])(@\w[\w.-]*+)@[\w.-]++")


def line(value: object, field: str, *, cap: int, hosts: Iterable[str] = ()) -> str:
    """A one-line field: NFC, trimmed, at most `cap` characters, without direction or invisible characters.

    `hosts` are those of the actor's destinations, which it must not name. Raises Refused naming `field`.
    """
    text = _characters(value, field, cap)
    for character in text:
        category = unicodedata.category(character)
        if category in ("Cc", "Zl", "Zp"):
            raise Refused.field(field, f"holds the control character {_point(character)}; it is one line")
        if category == "Cf" and character not in _JOINERS and character not in _VISIBLE_FORMATS:
            raise Refused.field(field, f"holds the invisible character {_point(character)}")
    _check_names([text], field, hosts)
    return text


def prose(value: object, field: str, *, cap: int, hosts: Iterable[str] = (), required: bool = True) -> str:
    """A field of several lines, in Markdown: NFC, line ends as U+000A, at most `cap` characters.

    Only https links, none to a destination, a link shortener or under the name of another site. Raises Refused naming
    `field`. A field that is not required may be an empty string.
    """
    if not required and value == "":
        return ""
    if isinstance(value, str):
        value = re.sub(r"\r\n?|[\u2028\u2029\u0085]", "\n", value).replace("\t", " ")
    text = _characters(value, field, cap)
    for character in text:
        category = unicodedata.category(character)
        if category == "Cc" and character != "\n":
            raise Refused.field(field, f"holds the control character {_point(character)}")
        if character in _OVERRIDES:
            raise Refused.field(field, f"holds the direction override {_point(character)}")
        if category == "Cf" and character not in _PROSE_FORMATS:
            raise Refused.field(field, f"holds the invisible character {_point(character)}")
    if any(not _paired(each) for each in text.split("\n")):
        raise Refused.field(field, "holds a direction isolate that is not closed on its line")
    _check_names([text, plain(markdown(text))], field, hosts)
    _check_links(text, field, hosts)
    return text


def hashtags(value: object, field: str) -> tuple[str, ...]:
    """Hashtags without their `#`, in order: letters, digits and underscores of any script, not digits only.

    Mastodon's pattern (mastodon-compat §3.4) without its rarer separators. Raises Refused naming each one at fault.
    """
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        raise Refused.field(field, "must be a list")
    if len(value) > MAX_HASHTAGS:
        raise Refused.field(field, f"must be at most {MAX_HASHTAGS}")
    problems = Problems()
    tags: list[str] = []
    for at, each in enumerate(value):
        with problems.collecting():
            tag = line(each, f"{field}.{at}", cap=HASHTAG_CAP).removeprefix("#")
            if not tag or any(unicodedata.category(c)[0] not in "LM" and not c.isdecimal() and c != "_" for c in tag):
                raise Refused.field(f"{field}.{at}", "may hold letters, digits and underscores only")
            if not any(c.isalpha() for c in tag):
                raise Refused.field(f"{field}.{at}", "must hold a letter")
            if tag.casefold() in (known.casefold() for known in tags):
                raise Refused.field(f"{field}.{at}", "is there already")
            tags.append(tag)
    problems.settle()
    return tuple(tags)


def page_link(value: object, field: str, hosts: Iterable[str] = ()) -> str:
    """A link to a page of somebody else's: canonical https, no destination, no shortener. Raises Refused."""
    if not isinstance(value, str):
        raise Refused.field(field, "must be an https URL")
    try:
        url = check_url(value)
    except Malformed as fault:
        raise Refused.field(field, f"must be an https URL: {fault.safe}") from None
    _check_names([url], field, hosts)
    return url


def markdown(source: str) -> str:
    """The HTML of checked prose: only elements, attributes and schemes that Mastodon keeps; compact, one string."""
    return clean(_MARKDOWN.render(source).replace("\n", ""))


def clean(content: str) -> str:
    """HTML with everything taken out that receivers would take out; what is left passes them unchanged."""
    return nh3.clean(content, tags=ELEMENTS, attributes=ATTRIBUTES, url_schemes=SCHEMES, link_rel=None)


def plain(content: str) -> str:
    """The text a reader of our own HTML sees, a line per paragraph."""
    lines = re.sub(r"<br>|</(?:p|li|blockquote)>", "\n", content)
    return html.unescape(_TAG.sub("", lines)).strip("\n")


def length(content: str) -> int:
    """How long a post is as Mastodon counts: a link is 23, the domain of a mention nothing, else what a reader sees.

    Never less than Mastodon's own count: where it joins several code points into one character by rules that need the
    Unicode tables (emoji sequences, Indic vowels, jamo), each may count here.
    """
    counted = _LINK.sub(_counted_link, content.replace("<br>", "\n").replace("</p><p>", "\n\n"))
    text = _REMOTE_MENTION.sub(r"\1", _URL.sub("x" * URL_LENGTH, plain(counted)))
    return characters(text)


def characters(text: str) -> int:
    """The characters a reader sees: marks and joiners belong to the one before them."""
    count = 0
    before = "\n"
    for character in text:
        joins = (
            character in _JOINERS
            or unicodedata.category(character) in ("Mn", "Me")
            or 0x1F3FB <= ord(character) <= 0x1F3FF
        )
        if not joins or before == "\n":
            count += 1
        before = character
    return count


def _counted_link(found: re.Match[str]) -> str:
    shown = found.group(1)
    if _HASHTAG_LINK.match(found.group(0)):
        return shown
    return "x" * (URL_LENGTH if _URL.fullmatch(shown) else max(URL_LENGTH, characters(plain(shown))))


def _characters(value: object, field: str, cap: int) -> str:
    if not isinstance(value, str):
        raise Refused.field(field, "must be a text")
    # Before anything is normalised: what is far too long is not worth reading.
    if len(value) > cap * CODE_POINTS_PER_CHARACTER:
        raise Refused.field(field, f"is longer than {cap} characters")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise Refused.field(field, "holds a half of a surrogate pair")
    text = unicodedata.normalize("NFC", value).strip()
    if all(c.isspace() or c in _BLANKS or unicodedata.category(c) in ("Cf", "Cc") for c in text):
        raise Refused.field(field, "must not be blank")
    if characters(text) > cap:
        raise Refused.field(field, f"is longer than {cap} characters")
    return text


def _paired(text: str) -> bool:
    depth = 0
    for character in text:
        if character in _ISOLATES:
            depth += 1
        elif character == _POP:
            depth -= 1
            if depth < 0:
                return False
    return depth == 0


def _check_names(texts: Iterable[str], field: str, hosts: Iterable[str]) -> None:
    for text in texts:
        host = named_host(text, hosts)
        if host is not None:
            raise Refused.field(field, f"names {host}: posts link to the campaign's page, never to where money goes")
        scheme = payment_scheme(text)
        if scheme is not None:
            raise Refused.field(field, f"holds a payment address ({scheme}:)")


def _check_links(source: str, field: str, hosts: Iterable[str]) -> None:
    for href, shown in _links(_MARKDOWN.parse(source)):
        url = page_link(href, field, hosts)
        other = link_host(shown)
        if other is not None and other.removeprefix("www.") != host_of(url).removeprefix("www."):
            raise Refused.field(field, f"holds a link that says {other} and leads to {host_of(url)}")


def _links(tokens: Sequence[Token]) -> Iterator[tuple[str, str]]:
    for token in tokens:
        href, shown = "", ""
        for part in token.children or ():
            if part.type == "link_open":
                href, shown = str(part.attrs.get("href", "")), ""
            elif part.type == "link_close":
                yield href, shown
            else:
                shown += part.content


def _point(character: str) -> str:
    return f"U+{ord(character):04X}"
