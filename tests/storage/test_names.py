"""Files that are told by their names."""

import hashlib
import re
from pathlib import Path

from aerchive.storage.names import PROCESS, names_in, prefix_beside


def test_prefix_and_rest(tmp_path: Path) -> None:
    prefix = ".a[1]*.h5.new-"  # nothing of it is a pattern
    ours = [f"{prefix}1-00000000", f"{prefix}27-0123abcd"]
    for name in (*ours, f"{prefix}27-0123abcd.bak", f"{prefix}x-0123abcd", ".a1x.h5.new-1-00000000", "27-0123abcd"):
        (tmp_path / name).touch()

    assert names_in(tmp_path, prefix, PROCESS) == ours
    assert names_in(str(tmp_path), prefix, re.compile("27.*")) == [ours[1], f"{ours[1]}.bak"]


def test_folder_that_cannot_be_read(tmp_path: Path) -> None:
    assert names_in(tmp_path / "absent", "", PROCESS) == []
    assert names_in("a\0b", "", PROCESS) == []


def test_long_names_are_told_by_their_digest() -> None:
    assert prefix_beside("a.h5", "waiting") == ".a.h5.waiting-"
    assert prefix_beside("a" * 200, "waiting") == f".{'a' * 200}.waiting-"
    assert prefix_beside("ä" * 101, "compact") == f".{hashlib.sha256(('ä' * 101).encode()).hexdigest()}.compact-"
