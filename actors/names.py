"""Which hosts a text names, however they are spelt.

A post links to our page and never to where money goes, so that the link can die (product.md, rule 6). A destination
that stands in the text in plain letters cannot be switched off either; nor can what hides behind a link shortener.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable
from typing import Final
from urllib.parse import unquote

import idna

_SHORTENERS = """
adf.ly amzn.to b.link bit.do bit.ly bitly.com bl.ink buff.ly chilp.it clck.ru cutt.ly da.gd db.tt dlvr.it fb.me
g.co goo.gl han.gl ht.ly ift.tt is.gd j.mp kutt.it linktr.ee lnkd.in lnk.to mcaf.ee n9.cl ow.ly qr.ae qr.net
rb.gy rebrand.ly s.id short.io shorturl.at snip.ly soo.gd su.pr t.co t.ly t2m.io tiny.cc tinyurl.com tny.im tr.im
trib.al u.nu urlz.fr v.gd v.ht vk.cc wp.me x.co youtu.nu zpr.io
"""
SHORTENERS: Final = frozenset(_SHORTENERS.split())
"""Services whose links tell nobody where they lead, or lead elsewhere tomorrow."""

_PAYMENT_SCHEMES = """
bitcoin bitcoincash lightning lnurl lnurlp lnurlw payto ethereum monero litecoin dogecoin zcash solana tron
cashapp paypal venmo upi swish tikkie web+stellar web+cardano
"""
PAYMENT_SCHEMES: Final = tuple(_PAYMENT_SCHEMES.split())

# Letters that pass for a Latin one in a host name, and signs that pass for a dot or a hyphen. Compatibility forms
# (full width, mathematical, Roman numerals) and accents are taken off by NFKD before.
_PASSES_FOR: Final = {
    "a": "аɑα", "b": "ьƅ", "c": "сϲᴄ", "d": "ԁđɗ", "e": "еҽɛ", "g": "ɡց", "h": "һհħ", "i": "іıɩι", "j": "јյ", "k": "кκ",
    "l": "ӏǀłɭ", "m": "м", "n": "ոηɴ", "o": "оοօøᴏ", "p": "рρ", "q": "ԛ", "r": "гᴦ", "s": "ѕꜱ", "t": "тτŧ", "u": "υսᴜ",
    "v": "νѵᴠ", "w": "ԝωѡᴡ", "x": "хχ", "y": "уγү", "z": "ᴢ",
    ".": "。․‧∙⋅·・۔܂⸳", "-": "‐‑‒–—−",
}  # fmt: skip
_LOOKALIKES: Final = {ord(sign): plain for plain, signs in _PASSES_FOR.items() for sign in signs}
# Possessive quantifiers and look-behinds keep each of these linear in the length of a hostile text.
_SPELT_DOT = re.compile(
    r"(?<!\s)(?:\s*+[(\[{<]\s*+(?:\.|dot|punkt|point|punto|نقطه|نقطة)\s*+[)\]}>]\s*+|\s++\.\s*+(?=\w))"
)
_HOST = re.compile(r"(?<![a-z0-9-])[a-z0-9-]++(?:\.[a-z0-9-]++)+")
_A_LABEL = re.compile(r"(?<![a-z0-9-])xn--[a-z0-9-]{1,59}")
_SCHEME = re.compile(
    r"(?<![\w+.-])(" + "|".join(map(re.escape, PAYMENT_SCHEMES)) + r"):(?:\S|\s*+(?=[a-z0-9]*[0-9])[a-z0-9]{20,})"
)


def named_host(text: str, hosts: Iterable[str]) -> str | None:
    """The first of these hosts (or a shortener) that a text names, in whatever disguise; None if it names none.

    Seen through: case, width, accents and look-alike letters, invisible characters, signs that pass for dots, dots
    spelt out in brackets, A-labels, percent-encoding and character references. A name inside a longer host counts
    (`donate.example.evil.example`), a name that only ends alike does not (`mydonate.example`).
    """
    read = _read(text)
    wanted = {_plain(_unicode(host.partition(":")[0].removeprefix("www."))): host for host in hosts}
    for found in _HOST.finditer(read):
        name = f".{found.group()}."
        for plain, host in wanted.items():
            if f".{plain}." in name:
                return host
        for shortener in SHORTENERS:
            if name.endswith(f".{shortener}."):
                return shortener
    return None


def link_host(text: str) -> str | None:
    """The host that the text of a link claims to lead to, or None where it claims none."""
    found = _HOST.search(_read(text))
    return found.group() if found and not found.group().rpartition(".")[2].isdigit() else None


def payment_scheme(text: str) -> str | None:
    """The scheme of a payment address in a text, such as `bitcoin`, or None."""
    found = _SCHEME.search(_read(text))
    return found.group(1) if found else None


def _read(text: str) -> str:
    """What an eye (or a careless copy and paste) reads."""
    plain = _plain(unquote(html.unescape(text)))
    plain = _A_LABEL.sub(lambda found: _plain(_unicode(found.group())), plain)
    return _SPELT_DOT.sub(".", plain)


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold()).translate(_LOOKALIKES)
    return "".join(c for c in folded if unicodedata.category(c) not in ("Cf", "Mn", "Me"))


def _unicode(host: str) -> str:
    labels = []
    for label in host.lower().split("."):
        try:
            labels.append(idna.ulabel(label))
        except (idna.IDNAError, UnicodeError):
            labels.append(label)
    return ".".join(labels)
