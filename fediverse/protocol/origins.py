"""Origins and URLs in one canonical form, so that one host has one name before anything is compared (must-survive B9).

Python's and aiohttp's URL readers are helpful: they turn full-width digits into 127.0.0.1 and drop tabs and line ends.
Here nothing is repaired. What is not plainly an https URL of a named host is refused.
"""

from __future__ import annotations

import unicodedata

import idna

from fediverse.protocol.errors import Malformed

MAX_URL = 2048  # characters
MAX_HOST = 253  # characters without the last dot (RFC 1035 §2.3.4)
MAX_LABEL = 63

# Names that no public resolver answers for, or that mean this machine (must-survive D5).
SPECIAL_SUFFIXES = frozenset({"local", "localhost", "internal", "onion", "i2p"})

_SCHEME = "https://"
_A_LABEL = "xn--"
_LDH = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")
_DIGITS = frozenset("0123456789")
_FULL_STOPS = str.maketrans({"\u3002": ".", "\uff0e": ".", "\uff61": "."})  # RFC 3490 §3.1
_JOINERS = {0x200C: None, 0x200D: None}
_NEVER_IN_URLS = frozenset('"<>\\^`{|}')  # RFC 3986 appendix A has no place for them


def check_url(url: str, *, ports: bool = False) -> str:
    """The canonical form of an https URL: canonical host, no default port, no fragment, ASCII only.

    Path and query stay as they are, except that characters beyond ASCII are percent-encoded (RFC 3987 §3.1) and an
    empty path becomes `/`. `ports` lets in ports other than 443. Raises Malformed for other schemes, user info, IP
    literals, hosts that `canonical_host` refuses, white space and control characters, and more than 2048 characters.
    """
    if len(url) > MAX_URL:
        raise Malformed("The URL is too long")
    for character in url:
        if character in _NEVER_IN_URLS or unicodedata.category(character) in ("Cc", "Cs", "Zs", "Zl", "Zp"):
            raise Malformed("The URL holds a character that URLs do not have")
    if url[: len(_SCHEME)].lower() != _SCHEME:
        raise Malformed("The URL is not https")
    rest = url[len(_SCHEME) :].partition("#")[0]
    end = min((at for at in (rest.find("/"), rest.find("?")) if at >= 0), default=len(rest))
    authority, resource = rest[:end], rest[end:]
    if not resource.startswith("/"):
        resource = f"/{resource}"
    canonical = _SCHEME + _canonical_authority(authority, ports) + _ascii(resource)
    if len(canonical) > MAX_URL:
        raise Malformed("The URL is too long")
    return canonical


def origin_of(url: str) -> str:
    """`https://host[:port]` of a URL, canonical; any port. Raises Malformed as `check_url` does."""
    return _SCHEME + host_of(url)


def host_of(url: str) -> str:
    """`host[:port]` of a URL, canonical, the default port left out. Raises Malformed as `check_url` does."""
    return check_url(url, ports=True)[len(_SCHEME) :].partition("/")[0]


def same_origin(a: str, b: str) -> bool:
    """Whether two URLs have one origin: scheme, host and port. A URL that cannot be read has none to share."""
    try:
        return origin_of(a) == origin_of(b)
    except Malformed:
        return False


def canonical_host(host: str) -> str:
    """The one spelling of a host name: lower-case A-labels, no dot at the end.

    Ideographic full stops count as dots (RFC 3490 §3.1); beyond that nothing is mapped, so full-width digits are
    refused and not read as an address. Unicode labels follow IDNA 2008; an A-label must be the one encoding of its
    Unicode form (RFC 5891 §5.4), which may hold symbols, for there are servers under such names. Raises Malformed for
    the rest, for IP literals in any notation, single labels, and names of SPECIAL_SUFFIXES.
    """
    if len(host) > MAX_URL:
        raise Malformed("The host name is too long")
    labels = host.translate(_FULL_STOPS).split(".")
    if labels[-1] == "":
        labels.pop()
    labels = [_canonical_label(label) for label in labels]
    if len(labels) < 2 or labels[-1] in SPECIAL_SUFFIXES:
        raise Malformed("The host has no public name")
    # No top-level domain begins with a digit; resolvers read such names as addresses ("127.1", "0x7f.1", "1.0x1").
    if labels[-1][0] in _DIGITS:
        raise Malformed("The host is an address, not a name")
    name = ".".join(labels)
    if len(name) > MAX_HOST:
        raise Malformed("The host name is too long")
    return name


def _canonical_authority(authority: str, ports: bool) -> str:
    if "@" in authority:
        raise Malformed("The URL holds user information")
    host, colon, port = authority.partition(":")
    name = canonical_host(host)
    if not colon or port in ("", "443"):
        return name
    if not _DIGITS.issuperset(port) or port[0] == "0" or len(port) > 5 or int(port) > 0xFFFF:
        raise Malformed("The URL has a malformed port")
    if not ports:
        raise Malformed("The URL has a port of its own")
    return f"{name}:{port}"


def _canonical_label(label: str) -> str:
    if not label.isascii():
        try:
            return idna.alabel(unicodedata.normalize("NFC", label).lower()).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            raise Malformed("The host name is not valid") from None
    label = label.lower()
    if not label or len(label) > MAX_LABEL or not _LDH.issuperset(label) or "-" in (label[0], label[-1]):
        raise Malformed("The host name is not valid")
    if label.startswith(_A_LABEL) and not _is_sole_encoding(label[len(_A_LABEL) :]):
        raise Malformed("The host name is not encoded canonically")
    return label


def _is_sole_encoding(encoded: str) -> bool:
    try:
        text = encoded.encode("ascii").decode("punycode")
        again = text.encode("punycode").decode("ascii")
    except UnicodeError:
        return False
    plain = unicodedata.normalize("NFKC", text).lower()
    # Joiners are ordinary spelling in Persian and Indic names, though no printable characters.
    visible = text.translate(_JOINERS).isprintable()
    return text == plain and encoded == again and visible


def _ascii(text: str) -> str:
    if text.isascii():
        return text
    return "".join(c if c.isascii() else "".join(f"%{byte:02X}" for byte in c.encode()) for c in text)
