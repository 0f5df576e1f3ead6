"""Who changes the labels of a run."""

from __future__ import annotations

import getpass
import socket

from aerchive.models.labels import Author
from aerchive.times import now


def author() -> Author:
    """This process' user on this host, now."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # neither the environment nor the system knows a name
        user = ""
    return Author(now(), f"{user}@{socket.gethostname()}")
