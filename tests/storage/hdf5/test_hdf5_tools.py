"""HDF5's own tools read a project with everything in it to the end, and complain about nothing."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from aerchive.storage.chunks.drafts import GroupDraft
from tests.samples import ATTRIBUTES, CREATED, DATASETS, OWNER, RUN, project_file


def output_of(tool: str, *arguments: object) -> str:
    program = shutil.which(tool)
    if program is None:
        pytest.skip(f"{tool} is not installed (Debian: hdf5-tools)")
    answer = subprocess.run([program, *map(str, arguments)], capture_output=True, check=False)
    assert answer.returncode == 0
    assert answer.stderr == b""
    return answer.stdout.decode()


def test_h5dump_reads_every_value(full: Path) -> None:
    text = output_of("h5dump", full)

    for name in ("runs", "catalogue", "objects", "circuits", *DATASETS):
        assert f'"{name}"' in text, name
    for name in ATTRIBUTES:
        assert f'"{name}"' in text or f'"long.{name}"' in text, name
    assert "H5T_CSET_UTF8" in text


def test_h5dump_reads_every_property(full: Path) -> None:
    text = output_of("h5dump", "-B", "-p", "-H", full)

    assert "SUPERBLOCK_VERSION 3" in text
    assert "USERBLOCK_SIZE 0" in text
    assert "PREPROCESSING SHUFFLE" in text
    assert "COMPRESSION DEFLATE { LEVEL 1 }" in text
    assert "USER_DEFINED_FILTER" not in text
    assert "H5T_VARIABLE" not in text
    assert "H5T_ENUM" not in text


def test_h5dump_shows_the_values(full: Path) -> None:
    assert "3.5" in output_of("h5dump", "-d", f"/{RUN}/f8_0d", full)
    assert '"0x1f\\000"' in output_of("h5dump", "-d", f"/{RUN}/text", full)
    table = output_of("h5dump", "-d", f"/{RUN}/table", full)
    assert '"experiment"' in table
    assert '"11"' in table
    assert "18446744073709551615" in output_of("h5dump", "-a", f"/{RUN}/attributes/most_unsigned", full)


def test_h5ls_lists_every_node(full: Path) -> None:
    text = output_of("h5ls", "-r", "-v", full)

    for name in DATASETS:
        assert f"/{RUN}/{name} " in text, name
    assert f"/{RUN}/deep/deeper/x " in text
    assert "-d" not in text.split()
    output_of("h5ls", "-r", "-d", full)


def test_a_project_that_was_changed_is_read_as_well(full: Path, path: Path) -> None:
    shutil.copy(full, path)
    path.chmod(0o644)
    for number in range(5):
        with project_file(path).write(CREATED) as session:
            session.replace_group(RUN, "labels", GroupDraft({"notes": "x" * 9000 * number}, mutable=True), OWNER)
            session.write_run("runs/2026-11-23", f"run-{number}", GroupDraft({"n": number}), OWNER)

    assert f'"run-{number}"' in output_of("h5dump", path)
    output_of("h5ls", "-r", "-v", path)
