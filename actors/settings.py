"""What an operator decides: read once, checked as a whole, handed around frozen.

    SETTINGS        every setting there is, with its default and what it means
    load()          environment, config file and secret files -> Settings, or SettingsError with *every* fault
    read_file()     a config file -> the same names, as text

The reading is our own and not pydantic-settings': a misspelt variable has to be a fault, `…_FILE` has to work, and two
settings that contradict each other have to be told in the same breath as a third that is malformed (docs/adr/0008).
"""

from __future__ import annotations

import difflib
import secrets
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any, Final

from dotenv.parser import parse_stream

from actors import setting_values as values
from actors.setting_values import Address, Network, Pace, SealingKey
from fediverse.protocol.signatures import Window

PREFIX: Final = "CLARION_"
FILE_SUFFIX: Final = "_FILE"
MAX_CONFIG_BYTES: Final = 64 * 1024
DATABASE_NAME: Final = "clarion.db"
SECRET_NAME: Final = "sealing.key"  # noqa: S105 - the name of a file, not what is in it


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault: the setting's full name, and a text that never repeats the value (it may be a secret)."""

    name: str
    text: str

    def __str__(self) -> str:
        return f"{self.name} {self.text}"


class SettingsError(Exception):
    """The settings cannot be used. `problems` names every one at fault; str() is one line."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("; ".join(str(problem) for problem in problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Setting:
    """A row of the table below. `default` is text and goes the same way as a given value; None stands for no value."""

    name: str
    read: Callable[[str], object]
    default: str | None
    meaning: str
    secret: bool = False

    @property
    def field(self) -> str:
        """The attribute of Settings that holds it."""
        return self.name.removeprefix(PREFIX).lower()


SETTINGS: Final = (
    Setting(
        "CLARION_ORIGIN", values.origin, None, "`https://host[:port]`, the origin of every id; it can never change"
    ),
    Setting(
        "CLARION_HANDLE_DOMAIN",
        values.handle_domain,
        None,
        "domain of the handles, if not the origin's host; it can never change",
    ),
    Setting(
        "CLARION_CONTACT",
        values.contact,
        "",
        "mail address or https URL of who runs this, shown on /about and in NodeInfo",
    ),
    Setting("CLARION_DATA", values.path, "./data", "the one folder with everything to keep"),
    Setting(
        "CLARION_DATABASE",
        values.database,
        None,
        "`postgresql://…` or `sqlite:///path`; SQLite in the data folder if not set",
        secret=True,
    ),
    Setting(
        "CLARION_SECRET",
        values.sealing_key,
        None,
        "the sealing key, 32 bytes in base64 or hex; made on first start if not set",
        secret=True,
    ),
    Setting("CLARION_BIND", values.address, "127.0.0.1:8000", "address and port to listen on"),
    Setting("CLARION_TLS_CERT", values.file, None, "certificate chain (PEM), if no proxy does TLS"),
    Setting("CLARION_TLS_KEY", values.private_file, None, "its private key (PEM)"),
    Setting("CLARION_TRUSTED_PROXY", values.networks, "", "networks of proxies whose forwarding headers are believed"),
    Setting(
        "CLARION_CA_FILE", values.ca_file, None, "more certificate authorities for outgoing TLS, for private networks"
    ),
    Setting(
        "CLARION_ALLOW_ADDRESSES", values.networks, "", "networks that may be connected to although they are private"
    ),
    Setting("CLARION_RESOLVE", values.pairs, "", "`name=address` pairs that win over DNS"),
    Setting(
        "CLARION_SENDERS", values.senders, "8", "hosts that one process delivers to at the same time; 0 sends nothing"
    ),
    Setting("CLARION_PACE", values.pace, "1/60", "posts per second / burst, for each host; `off` for tests"),
    Setting("CLARION_SIGNATURE_WINDOW", values.window, "3600/300", "seconds a signature may be old / ahead"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Checked settings. Never logged; what is secret does not show in repr().

    `secret_created` tells that this start made the sealing key, so that the command line can say where to copy it from.
    """

    origin: str
    handle_domain: str
    contact: str
    data: Path
    database: str = field(repr=False)
    secret: SealingKey
    bind: Address
    tls_cert: Path | None
    tls_key: Path | None
    trusted_proxy: tuple[Network, ...]
    ca_file: Path | None
    allow_addresses: tuple[Network, ...]
    resolve: Mapping[str, str]
    senders: int
    pace: Pace | None
    signature_window: Window
    secret_created: bool = False

    @property
    def host(self) -> str:
        """The origin's `host[:port]`, as it stands in a Host header."""
        return self.origin.removeprefix("https://")


def load(
    environ: Mapping[str, str],
    config: Path | None = None,
    *,
    create_secret: bool = True,
    token_bytes: Callable[[int], bytes] = secrets.token_bytes,
) -> Settings:
    """The settings from `environ`, and from the file `config` for what `environ` leaves out.

    On a first start the sealing key is made in the data folder, unless `create_secret` is False; nothing is written as
    long as anything is at fault. Raises SettingsError with every problem (must-survive K1).
    """
    problems: list[Problem] = []
    given = _gather(environ, config, problems)
    read: dict[str, Any] = {}
    for setting in SETTINGS:
        text = given.get(setting.name, setting.default)
        read[setting.field] = None
        if text is None:
            continue
        try:
            read[setting.field] = setting.read(text)
        except ValueError as error:
            problems.append(Problem(setting.name, str(error)))
    faulty = {problem.name.removesuffix(FILE_SUFFIX) for problem in problems}
    if not faulty & {"CLARION_ORIGIN", "--config"} and read["origin"] is None:
        problems.append(Problem("CLARION_ORIGIN", "is missing: https://host[:port]"))
    if not faulty & {"CLARION_TLS_CERT", "CLARION_TLS_KEY"}:
        problems.extend(_tls(read["tls_cert"], read["tls_key"]))

    key_file = None
    if read["data"] is not None and not faulty & {"CLARION_DATABASE", "CLARION_SECRET"}:
        database = read["data"] / DATABASE_NAME
        read["database"] = read["database"] or f"sqlite:///{database}"
        if read["secret"] is None:
            key_file = read["data"] / SECRET_NAME
            problems.extend(_key_beside(read, key_file, create_secret))
    if problems:
        raise SettingsError(tuple(sorted(problems, key=_place)))
    read["handle_domain"] = read["handle_domain"] or read["origin"].removeprefix("https://")
    if key_file is not None and read["secret"] is None:
        try:
            read["secret"] = values.create_key(key_file, token_bytes)
        except (OSError, ValueError) as error:
            raise SettingsError((Problem("CLARION_DATA", f"cannot keep a sealing key: it {_why(error)}"),)) from None
        read["secret_created"] = True
    return Settings(**read)


def _place(problem: Problem) -> tuple[int, str]:
    """Problems in the order of the table, strangers last."""
    names = [setting.name for setting in SETTINGS]
    return (names.index(problem.name) if problem.name in names else len(names), problem.name)


def _gather(environ: Mapping[str, str], config: Path | None, problems: list[Problem]) -> dict[str, str]:
    """Name -> text of everything given; an empty value counts as not given, as in a compose file's `CLARION_X=`."""
    layers = [{name: value for name, value in environ.items() if name.startswith(PREFIX)}]
    if config is not None:
        try:
            layers.append(read_file(config))
        except (OSError, ValueError) as error:
            problems.append(Problem("--config", f"is at fault: the file {_why(error)}"))
    known = {setting.name: setting for setting in SETTINGS}
    files = {name + FILE_SUFFIX: name for name, setting in known.items() if setting.secret}
    given: dict[str, str] = {}
    for layer in layers:
        here: dict[str, str] = {}
        for name, text in layer.items():
            if name not in known and name not in files:
                problems.append(Problem(name, f"is not a setting{_meant(name, [*known, *files])}"))
            elif not text.strip():
                continue
            elif any(ord(character) < 32 or ord(character) == 127 for character in text.strip()):
                problems.append(Problem(name, "contains a control character"))
            elif files.get(name, name) in here:
                problems.append(Problem(files.get(name, name), f"is given twice, once as {files.get(name, name)}_FILE"))
            elif name in files:
                try:
                    here[files[name]] = values.read_private(Path(text.strip()))
                except (OSError, ValueError) as error:
                    problems.append(Problem(name, f"cannot be used: the file {_why(error)}"))
            else:
                here[name] = text.strip()
        if config is not None and layer is not layers[0] and any(known[name].secret for name in layer if name in known):
            problems.extend(_open_to_others(config))
        given = here | given
    return given


def _open_to_others(config: Path) -> list[Problem]:
    try:
        values.check_private(config)
    except (OSError, ValueError) as error:
        return [Problem("--config", f"holds a secret, and the file {_why(error)}")]
    return []


def _meant(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.8)
    return f" ({close[0]}?)" if close else ""


def _tls(cert: Path | None, key: Path | None) -> list[Problem]:
    if cert is None and key is None:
        return []
    if cert is None:
        return [Problem("CLARION_TLS_CERT", "is missing: CLARION_TLS_KEY is set")]
    if key is None:
        return [Problem("CLARION_TLS_KEY", "is missing: CLARION_TLS_CERT is set")]
    try:
        values.check_pair(cert, key)
    except ValueError as error:
        return [Problem("CLARION_TLS_CERT", str(error)), Problem("CLARION_TLS_KEY", str(error))]
    return []


def _key_beside(read: dict[str, Any], key_file: Path, create: bool) -> list[Problem]:
    """Reads the sealing key kept in the data folder, or says why there is none."""
    kept = read["database"].removeprefix("sqlite:///")
    if key_file.exists():
        try:
            read["secret"] = values.sealing_key(values.read_private(key_file))
        except (OSError, ValueError) as error:
            return [Problem("CLARION_SECRET", f"cannot be used: {key_file} {_why(error)}")]
    elif kept != read["database"] and Path(kept).exists():
        # A new key would open nothing that is sealed in there: the operator has to bring the old one back.
        return [Problem("CLARION_SECRET", f"is missing: the database exists, but its key {key_file} does not")]
    elif not create:
        return [Problem("CLARION_SECRET", f"is missing: there is no {key_file} either")]
    return []


def _why(error: Exception) -> str:
    """A reason in a few words, without the value."""
    if isinstance(error, OSError):
        return f"cannot be opened ({error.strerror or 'input or output error'})"
    return "is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)


def read_file(path: Path) -> dict[str, str]:
    """Full name -> text of a config file: TOML if it ends in `.toml`, else lines `CLARION_NAME=value`.

    Names may leave out the prefix and be lower case. Lists and tables of TOML become the comma-separated text that the
    environment would hold. Raises ValueError or OSError.
    """
    with path.open("rb") as stream:
        data = stream.read(MAX_CONFIG_BYTES + 1)
    if len(data) > MAX_CONFIG_BYTES:
        raise ValueError(f"is larger than {MAX_CONFIG_BYTES // 1024} KiB")
    text = data.decode("utf-8")
    pairs = _toml(text) if path.suffix == ".toml" else _lines(text)
    named: dict[str, str] = {}
    for name, value in pairs:
        full = PREFIX + name.upper().removeprefix(PREFIX)
        if full in named:
            raise ValueError(f"gives {full} twice")
        named[full] = value
    return named


def _lines(text: str) -> list[tuple[str, str]]:
    pairs = []
    for binding in parse_stream(StringIO(text)):
        if binding.error or (binding.key is not None and binding.value is None):
            raise ValueError(f"has a line {binding.original.line} that is not NAME=value")
        if binding.key is not None:
            pairs.append((binding.key, binding.value or ""))
    return pairs


def _toml(text: str) -> list[tuple[str, str]]:
    return [(name, _flat(name, value)) for name, value in tomllib.loads(text).items()]


def _flat(name: str, value: object) -> str:
    if isinstance(value, list):
        return ",".join(_flat(name, item) for item in value)
    if isinstance(value, dict):
        return ",".join(f"{key}={_flat(name, item)}" for key, item in value.items())
    if isinstance(value, str) or (isinstance(value, int | float) and not isinstance(value, bool)):
        return str(value)
    raise ValueError(f"gives {name} neither as text nor as a number")


def table() -> list[tuple[str, str, str]]:
    """Name, default and meaning of every setting, as README.md shows them."""
    return [(setting.name, setting.default or "", setting.meaning) for setting in SETTINGS]
