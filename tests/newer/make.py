"""Makes the two projects in this folder, as later minor versions of aerchive would write them.

    python -m tests.newer.make

Both hold three runs, and the second is the one that is newer. In ``optional.h5`` it uses a feature: attributes, groups
and a dataset that this version does not know. In ``required.h5`` it requires one: checksums of another kind.
"""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
from h5py import h5s

from aerchive import layout
from aerchive.models import catalogue
from aerchive.models.labels import RunLabels
from tests.drafts import draft_of, edit, project_of, run_groups
from tests.hostile.edits import _visit as visit
from tests.hostile.edits import core_digest, seal_run, set_attribute, set_text

FOLDER = Path(__file__).parent
FEATURE = "stars"


def _project(name: str) -> Path:
    path = FOLDER / name
    path.unlink(missing_ok=True)
    return project_of(path, [draft_of(number, labels=RunLabels(name=f"n{number}", tags=["a"])) for number in range(3)])


def make_optional() -> None:
    """The second run, and the root, have what this version does not know."""
    with edit(_project("optional.h5")) as file:
        set_text(file, "uses", FEATURE)
        set_text(file, "observatory", "Potsdam")
        file.create_group("star_map").attrs["stars"] = 9
        run = run_groups(file)[1]
        set_text(run[layout.SEAL], "uses", FEATURE)
        set_text(run, "weather", "clear, 3 °C")
        set_attribute(run["labels"], "stars", np.int64(5))
        set_text(run["config"], "telescope", "big")
        run["brightness"] = np.arange(8.0)
        made = run.create_group("sky")
        set_text(made, "colour", "black")
        made.create_group("north")["stars"] = np.arange(3)
        view = run.create_group("night_view")  # no part of the core
        set_text(view, "title", "a night")
        inner: dict[str, str] = {}
        visit(view, "night_view", inner)
        _seal(run)
        rows, table = file[layout.CATALOGUE][...], file[layout.CATALOGUE].id
        rows[1]["nbytes"] += run["brightness"].nbytes
        catalogue.seal_row(rows[1:2], 1)
        table.write(h5s.ALL, h5s.ALL, rows, table.get_type())
        set_text(view, "sha256", core_digest(inner))


def _seal(run: h5py.Group) -> None:
    """Seals a run with the view aside, which is no part of its core."""
    run.file.move(f"{run.name}/night_view", "/aside")
    seal_run(run)
    run.file.move("/aside", f"{run.name}/night_view")


def make_required() -> None:
    """The second run has other checksums."""
    with edit(_project("required.h5")) as file:
        run = run_groups(file)[1]
        set_text(run[layout.SEAL], "requires", "sha3")
        for node in run.values():
            if isinstance(node, h5py.Dataset) and "blake3" in node.attrs:
                del node.attrs["blake3"]
                set_text(node, "sha3", "0" * 64)
        set_text(run[layout.SEAL], "core_sha256", "1" * 64)


if __name__ == "__main__":
    make_optional()
    make_required()
