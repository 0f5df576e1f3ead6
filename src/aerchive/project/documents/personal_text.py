"""Texts without the personal facts in them: paths, addresses, names of users and machines."""

from __future__ import annotations

import getpass
import re
import socket
from collections.abc import Iterable

PATH = "<path>"
ADDRESS = "<address>"
NAME = "<name>"
LEFT_OUT = "<left out>"
NEUTRAL = "anonymous"
"""What stands in the place of the name of a machine."""

# Each pattern can begin only where a word begins, so that a long text takes a time that grows with its length only.
_QUOTED = re.compile(r"""(["'])(?:(?!\1)[^\n/\\])*[/\\](?:(?!\1)[^\n])*\1""")
_URL = re.compile(r"(?<![A-Za-z0-9+.-])[A-Za-z][A-Za-z0-9+.-]*://[^\s\"'<>]+")
_MAIL = re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)*")
_PATHS = re.compile(
    r"(?<![\w/.>-])~?(?:[\w.-]*)/[^\s\"'<>|:*?;,()\[\]{}]+(?<!\.)"  # /home/ann/x, ~/x, data/x
    r"|(?<![\w])[A-Za-z]:[\\/][^\s\"'<>|*?;,()]*"  # C:\Users\ann
    r"|\\\\[^\s\"'<>|*?;,()\\]+\\[^\s\"'<>|*?;,()]*"  # \\machine\share
)
_FRAME = re.compile(r'(?P<indent>[\s|+]*)File "(?P<path>.*)", line (?P<line>\d+)(?P<rest>.*)')
_LIBRARY = re.compile(r".*[/\\](?:site-packages|dist-packages|lib[/\\]python3\.\d+)[/\\](?P<tail>.+)")
_NOBODY = frozenset({"", "root", "localhost", NEUTRAL})
"""Names of users and machines that identify nobody."""
_NAME_LENGTHS = range(2, 254)
"""Lengths that names of users and machines may have, so that they can be searched in texts."""


class PersonalText:
    """Removes personal facts from texts.

    Args:
        names: Names of users and machines that the project tells; those of this process are added.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        known = {name for full in (*names, *_own_names()) for name in (full, full.partition(".")[0])}
        known = {name for name in known if len(name) in _NAME_LENGTHS and name.lower() not in _NOBODY}
        longest_first = sorted(known, key=lambda name: (-len(name), name))
        words = "|".join(map(re.escape, longest_first))
        self._names = re.compile(rf"(?<![A-Za-z0-9])(?:{words})(?![A-Za-z0-9])", re.IGNORECASE) if words else None

    def line(self, text: str) -> str:
        """Returns a text with paths, addresses and names replaced by ``<path>``, ``<address>`` and ``<name>``."""
        text = _URL.sub(ADDRESS, text)
        text = _QUOTED.sub(lambda match: f"{match[1]}{PATH}{match[1]}", text)
        text = _PATHS.sub(PATH, text)
        text = _MAIL.sub(ADDRESS, text)
        return text if self._names is None else self._names.sub(NAME, text)

    def traceback(self, text: str) -> str:
        """Returns a traceback in which only the frames of installed packages still have their file and source."""
        lines: list[str] = []
        hidden_indent: int | None = None
        for line in text.split("\n"):
            frame = _FRAME.fullmatch(line)
            if frame is not None:
                library = _LIBRARY.fullmatch(frame["path"])
                place = f'{frame["indent"]}File "{library["tail"] if library else PATH}", line {frame["line"]}'
                lines.append(place + (frame["rest"] if library else f", in {LEFT_OUT}"))
                hidden_indent = None if library else len(frame["indent"])
            elif hidden_indent is not None and len(line) - len(line.lstrip(" |+")) > hidden_indent:
                continue  # a line of the user's program
            else:
                hidden_indent = None
                lines.append(self.line(line))
        return "\n".join(lines)

    def has_facts(self, text: str) -> bool:
        """Whether a text has personal facts."""
        return self.line(text) != text


def _own_names() -> tuple[str, ...]:
    """The names of the user and the machine of this process."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # neither the environment nor the system has a user name
        user = ""
    return user, socket.gethostname()
