"""The path of a project that is not on this machine: the path of its stand-in, shown as the address of the project."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

_Reopen = tuple[Callable[..., Any], tuple[Any, ...]]


class RemotePath(type(Path())):  # type: ignore[misc]  # the class of paths of this system, known when Python runs
    """A path whose text is the address of the project; programs that open it get the stand-in.

    Relatives of this path, such as its parent, are shown as the paths that they are.

    Attributes:
        shown: The address, without passwords; empty for a relative.
        reopen: A function, and its arguments, that gives the path in another process; ``None`` for a relative.
        content: The content, which lives as long as the path.
    """

    shown = ""
    reopen: _Reopen | None = None
    content: object = None

    @classmethod
    def of(cls, stand_in: Path, shown: str, reopen: _Reopen, parts: object) -> RemotePath:
        """Makes the path.

        Args:
            stand_in: Path of the stand-in.
            shown: The address, without passwords.
            reopen: A function, and its arguments, that gives the path in another process.
            parts: The content, which lives as long as the path.
        """
        path = cls(stand_in)
        path.shown, path.reopen, path.content = shown, reopen, parts
        return path

    def __str__(self) -> str:
        return self.shown or self.__fspath__()

    def __fspath__(self) -> str:
        return str(super().__str__())

    def __bytes__(self) -> bytes:
        return os.fsencode(self.__fspath__())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def __reduce__(self) -> Any:
        return self.reopen or (Path, (self.__fspath__(),))
