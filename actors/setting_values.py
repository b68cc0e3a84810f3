"""How the text of one setting becomes a value: one function a kind, each raising ValueError with a text for operators.

No message repeats the value: what was meant for one variable often ends up in another, and it may be a secret.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import ipaddress
import os
import re
import ssl
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

from fediverse.protocol import origins
from fediverse.protocol.errors import Malformed
from fediverse.protocol.signatures import Window

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

KEY_BYTES: Final = 32
MAX_SECRET_FILE: Final = 4096
MAX_SENDERS: Final = 256
LEAST_DISTINCT: Final = 16  # 32 random bytes have fewer than 20 different values once in about 10^9 keys

_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"({_LABEL}\.)*{_LABEL}")
_NUMBER = re.compile(r"[0-9]{1,7}(\.[0-9]{1,3})?")


@dataclass(frozen=True, slots=True)
class SealingKey:
    """The key that followers are sealed under; shows nothing of itself."""

    material: bytes = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """16 hex digits that tell one key from another and give nothing away."""
        return hashlib.sha256(b"clarion sealing key\0" + self.material).hexdigest()[:16]


class Address(NamedTuple):
    """Where to listen; str() is the form servers take. Port 0 lets the system choose."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Pace(NamedTuple):
    """A token bucket: posts per second in the long run, and how many at once."""

    per_second: float
    burst: int


def origin(text: str) -> str:
    """`https://host[:port]` in canonical form: A-labels in lower case, no 443, nothing after it (FEP-fe34)."""
    try:
        canonical = origins.origin_of(text)
        alone = origins.check_url(text, ports=True) == f"{canonical}/" and not set(text) & set("?#")
    except Malformed:
        alone = False
    if not alone:
        raise ValueError("must be https://host[:port], a public name and nothing after it")
    return canonical


def handle_domain(text: str) -> str:
    """What stands after the second @ of a handle: a host, with its port if that is not 443."""
    try:
        return origin(f"https://{text}").removeprefix("https://")
    except ValueError:
        raise ValueError("must be a public host name, perhaps with :port") from None


def contact(text: str) -> str:
    """Empty, an https URL, or a mail address; shown in public."""
    if not text or re.fullmatch(r"https://[^\s<>\"@]{1,500}", text):
        return text
    if not re.fullmatch(r"[^\s<>\"@:/]{1,64}@[^\s<>\"@:/]{1,253}", text):
        raise ValueError("is neither a mail address nor an https URL")
    return text


def path(text: str) -> Path:
    """An absolute path; a `~` in front is the home of who runs this."""
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError:
        raise ValueError("begins with the home of somebody unknown") from None


def file(text: str) -> Path:
    """A path that can be opened for reading."""
    found = path(text)
    try:
        with found.open("rb"):
            return found
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from None


def private_file(text: str) -> Path:
    """The same, and closed to everybody else."""
    found = file(text)
    check_private(found)
    return found


def check_private(found: Path) -> None:
    """Raises ValueError for a file that others may read or its group may change (a mounted secret's group may read)."""
    mode = found.stat().st_mode
    if not stat.S_ISREG(mode):
        raise ValueError("is not a file")
    if mode & (stat.S_IRWXO | stat.S_IWGRP):
        raise ValueError(f"is open to others (mode {stat.S_IMODE(mode):04o}; chmod 600)")


def read_private(found: Path) -> str:
    """The text of a small private file, stripped. Raises OSError or ValueError."""
    check_private(found)
    with found.open("rb") as stream:
        data = stream.read(MAX_SECRET_FILE + 1)
    if len(data) > MAX_SECRET_FILE or not data.isascii():
        raise ValueError("does not hold a short line of plain text")
    text = data.decode("ascii").strip()
    if not text or not text.isprintable():
        raise ValueError("does not hold a short line of plain text")
    return text


def database(text: str) -> str:
    """`postgresql://…` or `sqlite:///path`; a memory database is refused, since it would forget what was accepted."""
    kind, mark, rest = text.partition("://")
    if mark and kind == "postgresql" and re.fullmatch(r"[^/\s]*/[^/\s]+", rest):
        return text
    if (
        mark
        and kind == "sqlite"
        and rest.startswith("/")
        and not rest.startswith("/:")
        and "?" not in rest
        and rest[1:]
    ):
        return f"sqlite:///{path(rest[1:])}"
    raise ValueError("must be postgresql://[user[:password]@][host[:port]]/name or sqlite:///path")


def sealing_key(text: str) -> SealingKey:
    """32 random bytes in hex or base64 (either alphabet, padded or not); anything that looks made up is refused."""
    if re.fullmatch(r"[0-9a-fA-F]{64}", text):
        material = bytes.fromhex(text)
    else:
        try:
            material = base64.b64decode(
                text.rstrip("=").translate({45: "+", 95: "/"}) + "=" * (-len(text.rstrip("=")) % 4), validate=True
            )
        except (binascii.Error, ValueError):
            material = b""
    if len(material) != KEY_BYTES:
        raise ValueError(f"is not {KEY_BYTES} bytes in hex or base64")
    if len(set(material)) < LEAST_DISTINCT or all(32 <= byte < 127 for byte in material):
        raise ValueError("is weak: take 32 random bytes (openssl rand -base64 32)")
    return SealingKey(material)


def create_key(found: Path, token_bytes: Callable[[int], bytes]) -> SealingKey:
    """Makes the key file, mode 0600, whole or not at all; if another process was first, its key is the one.

    Raises OSError or ValueError.
    """
    found.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = found.with_name(f".{found.name}.{os.getpid()}")
    text = base64.b64encode(token_bytes(KEY_BYTES)) + b"\n"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, found)  # unlike a rename, a link never takes the place of a key that is there
    finally:
        draft.unlink()
    folder = os.open(found.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return sealing_key(read_private(found))


def address(text: str) -> Address:
    """`host:port`, `[IPv6]:port`."""
    host, colon, port = text.rpartition(":")
    if not colon:
        raise ValueError("must be address:port")
    if host.startswith("[") and host.endswith("]"):
        try:
            host = str(ipaddress.IPv6Address(host[1:-1]))
        except ValueError:
            raise ValueError("is no IPv6 address in brackets") from None
    elif not _HOST.fullmatch(host.lower()):
        raise ValueError("must be address:port, an IPv6 address in brackets")
    if not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65535:
        raise ValueError("has a port that is not a number from 0 to 65535")
    return Address(host.lower(), int(port))


def _parts(text: str) -> list[str]:
    return [part for part in re.split(r"[,\s]+", text) if part]


def networks(text: str) -> tuple[Network, ...]:
    """Comma-separated networks or single addresses; one that contains every address is refused."""
    found: list[Network] = []
    for part in _parts(text):
        try:
            network = ipaddress.ip_network(part)
        except ValueError:
            raise ValueError("has a part that is no network (like 10.0.0.0/8, host bits zero)") from None
        if network.prefixlen == 0:
            raise ValueError("contains a network of all addresses")
        found.append(network)
    return tuple(found)


def pairs(text: str) -> Mapping[str, str]:
    """Comma-separated `name=address`; each name once."""
    found: dict[str, str] = {}
    for part in _parts(text):
        name, _, where = part.lower().partition("=")
        try:
            canonical = str(ipaddress.ip_address(where))
        except ValueError:
            raise ValueError("has a part that is not name=address") from None
        if not _HOST.fullmatch(name) or name in found:
            raise ValueError("has a part that is not name=address, or a name twice")
        found[name] = canonical
    return MappingProxyType(found)


def senders(text: str) -> int:
    """A whole number from 0 to 256."""
    if not re.fullmatch(r"[0-9]{1,3}", text) or int(text) > MAX_SENDERS:
        raise ValueError(f"must be a whole number from 0 to {MAX_SENDERS}")
    return int(text)


def pace(text: str) -> Pace | None:
    """`per second/burst`, or `off`. GoToSocial takes 300 requests in 5 minutes (mastodon-compat §1.7)."""
    if text == "off":
        return None
    rate, _, burst = text.partition("/")
    if not _NUMBER.fullmatch(rate) or not re.fullmatch(r"[0-9]{1,5}", burst) or not float(rate) or not int(burst):
        raise ValueError("must be posts per second/burst, both above 0, or off")
    return Pace(float(rate), int(burst))


def window(text: str) -> Window:
    """`past/future` in seconds: 300 to 43200 back (what Mastodon allows at most, §1.2), 0 to 3600 ahead."""
    past, _, future = text.partition("/")
    if not re.fullmatch(r"[0-9]{1,5}", past) or not re.fullmatch(r"[0-9]{1,4}", future):
        raise ValueError("must be seconds back/seconds ahead")
    if not 300 <= int(past) <= 43200 or int(future) > 3600:
        raise ValueError("must be 300 to 43200 seconds back and at most 3600 ahead")
    return Window(timedelta(seconds=int(past)), timedelta(seconds=int(future)))


def ca_file(text: str) -> Path:
    """A PEM file with at least one certificate authority."""
    found = file(text)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=found)
    except (ssl.SSLError, OSError):
        raise ValueError("holds no certificates in PEM form") from None
    return found


def check_pair(cert: Path, key: Path) -> None:
    """Raises ValueError unless a server could start with this certificate and key; a key with a pass-phrase cannot."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key, password=lambda: "")
    except (ssl.SSLError, OSError, ValueError):
        raise ValueError(
            "cannot be used: certificate and key are not PEM, not a pair, or the key has a pass-phrase"
        ) from None
