"""Log lines: one line for each thing that happened, in JSON unless somebody is looking, and nothing in them to seize.

What we log ourselves names no address, handle, token or key. Libraries do not know our rule: an error of an HTTP client
is the URL of somebody's inbox. So their warnings are cut before the first value, exceptions are told by type and place
only, and whatever still looks like an address, a handle or a token is left out of every line (must-survive J1, J7).
"""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, TextIO

from actors.cli.output import printable

OURS: Final = ("actors", "fediverse")
LEFT_OUT: Final = "[left out]"
MAX_TEXT: Final = 1000  # characters; a log line is no place for a document

_SEIZABLE = re.compile(
    r"""
      (?i:[a-z][a-z0-9+.-]*)://\S*                            # URLs
    | (?:acct:)?@?[\w.+-]+@[\w.-]*\w(?::\d+)?                 # handles, mail addresses
    | @\w[\w.-]*                                              # names as timelines write them
    | \[?(?i:[0-9a-f]{0,4}:){2,7}(?i:[0-9a-f]{1,4}|(?:\d{1,3}\.){3}\d{1,3})?\]?(?:%\w+)?(?::\d+)?   # IPv6
    | (?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?              # IPv4
    | (?![a-z_]+(?![\w+/=-]))[\w+/=-]{24,}                    # tokens, keys, ids; not long names of functions
    """,
    re.VERBOSE,
)
_VALUES_BEGIN = re.compile(r"[<({\['\"`\n]")


class OneLine(logging.Formatter):
    """A record as one line: JSON with `at`, `level`, `from`, `text`, or the same four as text `for_people`."""

    def __init__(self, *, for_people: bool = False) -> None:
        super().__init__()
        self._for_people = for_people

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        level, text = record.levelname.lower(), text_of(record)
        if self._for_people:
            return printable(f"{at} {level:<8} {record.name}: {text}")
        # ASCII only, so that no locale and no character can break the line.
        return json.dumps({"at": at, "level": level, "from": record.name, "text": text})


def text_of(record: logging.LogRecord) -> str:
    """What may be told of a record: no values of libraries, no messages of exceptions, nothing to seize."""
    if record.name.partition(".")[0] in OURS:
        try:
            said = record.getMessage()
        except (TypeError, ValueError):
            said = str(record.msg)
    else:
        said = _VALUES_BEGIN.split(str(record.msg), maxsplit=1)[0].strip(" :")
    if record.exc_info and record.exc_info[0] is not None:
        said = f"{said} ({place_of(record.exc_info[0], record.exc_info[2])})"
    if len(said) > MAX_TEXT:
        said = f"{said[:MAX_TEXT].rpartition(' ')[0]} [cut]"  # half a token would not be known for one
    return _SEIZABLE.sub(LEFT_OUT, said)


def place_of(kind: type[BaseException], trace: TracebackType | None) -> str:
    """What went wrong and where, without what was said about it: that may hold what somebody sent."""
    frames = traceback.extract_tb(trace)
    if not frames:
        return kind.__name__
    last = frames[-1]
    return f"{kind.__name__} in {last.name}, line {last.lineno} of {last.filename.rpartition('/')[2]}"


def set_up(stream: TextIO | None = None) -> None:
    """Everything this process logs goes to `stream` (standard error) through one formatter.

    Ours from INFO on, libraries from WARNING on. Also for what would be printed past the log: warnings of Python, and
    exceptions in threads and in places that cannot raise.
    """
    stream = stream or sys.stderr
    handler = logging.StreamHandler(stream)
    handler.setFormatter(OneLine(for_people=stream.isatty()))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    for name in OURS:
        logging.getLogger(name).setLevel(logging.INFO)
    logging.captureWarnings(True)
    log = logging.getLogger(__name__)
    threading.excepthook = lambda gone: log.error(
        "a thread ended early: %s", place_of(gone.exc_type, gone.exc_traceback)
    )
    sys.unraisablehook = lambda lost: log.error(
        "an exception had nowhere to go: %s", place_of(lost.exc_type, lost.exc_traceback)
    )
