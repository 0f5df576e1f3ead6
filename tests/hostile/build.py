"""Writes the hostile files into a folder, to be looked at: ``python -m tests.hostile.build FOLDER [KIND or name]``."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.hostile.corpus import build, cases, make_outside
from tests.hostile.honest import make_honest


def main(folder: Path, wanted: str = "") -> int:
    """Writes those whose kind and name contain a text; each gets a folder of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "honest.h5").exists():
        make_honest(folder / "honest.h5")
        make_outside(folder / "outside")
    number = 0
    for case in cases().values():
        if wanted in case.key:
            place = folder / case.key.replace("/", "-").replace(": ", "/").replace("\n", " ")
            place.mkdir(parents=True)
            build(case, folder / "honest.h5", place, folder / "outside")
            number += 1
    print(f"{folder}: {number} hostile files")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:3]))
