"""The author of a change of labels: time, user and host."""

from __future__ import annotations

import getpass
import socket

from aerchive.models.labels import Author
from aerchive.times import now


def author() -> Author:
    """Returns the author of a change that this process makes now."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # neither the environment nor the system has a user name
        user = ""
    return Author(now(), f"{user}@{socket.gethostname()}")
