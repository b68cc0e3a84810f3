"""Reading a page as a program does: every element, its attributes and the text inside it, and whether it is whole."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "link", "img", "br", "hr", "input"}
LANDMARKS = {"header", "nav", "main", "footer"}


@dataclass
class Element:
    """One element; `text` is all text inside it, white space as one space each."""

    tag: str
    attributes: dict[str, str]
    inside: tuple[str, ...]
    pieces: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return " ".join("".join(self.pieces).split())

    def __getitem__(self, name: str) -> str:
        return self.attributes[name]


class Dom(HTMLParser):
    """A page that was read. AssertionError where an element is not closed in order or an attribute comes twice."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[Element] = []
        self._open: list[Element] = []
        assert html.startswith("<!doctype html>\n")
        self.feed(html)
        self.close()
        assert self._open == [], f"never closed: {[element.tag for element in self._open]}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), f"an attribute twice in {tag}"
        inside = tuple(element.tag for element in self._open)
        element = Element(tag, {name: value or "" for name, value in attrs}, inside)
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> closes nothing"
        assert self._open[-1].tag == tag, f"</{tag}> closes <{self._open[-1].tag}>"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.pieces.append(data)

    def all(self, tag: str, **attributes: str) -> list[Element]:
        """Elements of this tag with these attributes; `class_` for class, `_` for `-`."""
        wanted = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
        return [
            element
            for element in self.elements
            if element.tag == tag and all(element.attributes.get(name) == value for name, value in wanted.items())
        ]

    def one(self, tag: str, **attributes: str) -> Element:
        """The only such element."""
        found = self.all(tag, **attributes)
        assert len(found) == 1, f"{len(found)} of {tag} {attributes}"
        return found[0]

    @property
    def links(self) -> list[str]:
        """Where the links of the page lead, in order."""
        return [element["href"] for element in self.all("a")]

    @property
    def text(self) -> str:
        """What a reader sees."""
        return self.one("body").text

    def meta(self, name: str) -> str | None:
        """The content of a meta element, by name or property."""
        found = [e for e in self.all("meta") if name in (e.attributes.get("name"), e.attributes.get("property"))]
        assert len(found) <= 1
        return found[0]["content"] if found else None
